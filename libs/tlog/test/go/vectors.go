package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// differences are the cases on which the Go verifiers and ours disagree by design, each with the reason. A case that is
// here and on which they agree after all is reported: the list stays true.
var differences = map[string]string{
	"checkpoints: a root in a second spelling":                                                        "encoding/base64 takes trailing bits that are not zero",
	"checkpoints: a size with a leading zero":                                                         "strconv takes leading zeros",
	"checkpoints: an empty line among them":                                                           "whatever follows the three lines is handed to the caller",
	"consistency: from 0 to 0 with roots of another tree":                                             "at size 0 merkle compares the proof alone, not the root",
	"consistency: size 0 with the root of another tree":                                               "at size 0 merkle compares the proof alone, not the root",
	"notes: a key of order 1 in its second encoding":                                                  "crypto/ed25519 takes points of small order (protocol §2 is stricter)",
	"notes: a key of order 1, which signs everything":                                                 "crypto/ed25519 takes points of small order (protocol §2 is stricter)",
	"notes: an R of order 1":                                                                          "crypto/ed25519 takes points of small order (protocol §2 is stricter)",
	`notes: malformed key "log.example/acme+6a967d9a+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n"`: "encoding/base64 skips line ends",
	"notes: one good and one bad known signature":                                                     "of two signatures by one key, the first alone is looked at",
	"proofs: a checkpoint without its last newline":                                                   "bufio.Scanner puts it back",
	"proofs: an index with a leading zero":                                                            "strconv takes leading zeros",
	"proofs: carriage returns":                                                                        "bufio.Scanner drops them",
	"tiles: malformed path \"tile/64/000\"":                                                           "the checksum database has no highest level",
	"tiles: malformed path \"tile/data/000\"":                                                         "the checksum database calls the entries data",
}

// verdicts counts the cases of each file on which both agree, and keeps those on which they do not.
type verdicts struct {
	Agreed    map[string]int `json:"agreed"`
	Different []string       `json:"different"`
	wrong     []string
}

// judge holds what Go says of a case against what the vectors say: refused where there is a code.
func (v *verdicts) judge(file, name, code string, err error) {
	full := file + ": " + name
	agrees := (err != nil) == (code != "")
	reason, isKnown := differences[full]
	switch {
	case agrees && isKnown:
		v.wrong = append(v.wrong, fmt.Sprintf("%s: no difference any more (%s)", full, reason))
	case agrees:
		v.Agreed[file]++
	case isKnown:
		v.Different = append(v.Different, full+": "+reason)
	default:
		v.wrong = append(v.wrong, fmt.Sprintf("%s: expected %q, got %v", full, code, err))
	}
}

// checkVectors runs the files of spec/vectors/tlog, valid and invalid, through the Go verifiers.
func checkVectors(folder string) (*verdicts, error) {
	v := &verdicts{Agreed: map[string]int{}}
	for name, check := range map[string]func(*verdicts, []byte) error{
		"sizes": checkSizes, "rfc9162": checkExample, "inclusion": checkInclusions, "consistency": checkConsistencies,
		"notes": checkNotes, "checkpoints": checkCheckpoints, "proofs": checkProofs, "tiles": checkPaths, "receipts": checkReceipts,
	} {
		text, err := os.ReadFile(filepath.Join(folder, name+".json"))
		if err != nil {
			return nil, err
		}
		if err := check(v, text); err != nil {
			return nil, fmt.Errorf("%s.json: %w", name, err)
		}
	}
	if len(v.wrong) > 0 {
		sort.Strings(v.wrong)
		return nil, fmt.Errorf("%s", strings.Join(v.wrong, "\n"))
	}
	sort.Strings(v.Different)
	return v, nil
}

// summary is how sizes.json writes many results: see its "about".
type summary struct {
	Digest string `json:"digest"`
	Marks  string `json:"marks"`
}

func (s *summary) differsFrom(results [][]byte) error {
	var all []byte
	var marks strings.Builder
	for _, result := range results {
		hash := sha256.Sum256(result)
		all = append(all, hash[:]...)
		marks.WriteString(hex.EncodeToString(hash[:1])[:1])
	}
	for i := range min(len(s.Marks), marks.Len()) {
		if s.Marks[i] != marks.String()[i] {
			return fmt.Errorf("number %d is another", i)
		}
	}
	digest := sha256.Sum256(all)
	if s.Marks != marks.String() || s.Digest != base64.StdEncoding.EncodeToString(digest[:]) {
		return fmt.Errorf("one of %d is another, or their number", len(results))
	}
	return nil
}

func concat(hashes []tlog.Hash) []byte { return bytes.Join(rowsOf(hashes), nil) }

// checkSizes makes every root, proof and tile again, by the code of the checksum database alone.
func checkSizes(v *verdicts, text []byte) error {
	var file struct {
		Cases []struct {
			Size         int64             `json:"size,string"`
			Root         []byte            `json:"root"`
			Sampled      []int64           `json:"sampled"`
			Inclusion    summary           `json:"inclusion"`
			Consistency  summary           `json:"consistency"`
			FullTiles    []summary         `json:"full_tiles"`
			PartialTiles map[string][]byte `json:"partial_tiles"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	var size int64
	for _, given := range file.Cases {
		for ; size < given.Size; size++ {
			more, err := tlog.StoredHashes(size, []byte(strconv.FormatInt(size, 10)), reader)
			if err != nil {
				return err
			}
			stored = append(stored, more...)
		}
		name := strconv.FormatInt(size, 10)
		root := tlog.Hash(rfc6962.DefaultHasher.EmptyRoot())
		if size > 0 {
			var err error
			if root, err = tlog.TreeHash(size, reader); err != nil {
				return err
			}
		}
		var err error
		if !bytes.Equal(root[:], given.Root) {
			err = fmt.Errorf("the root is %s", root)
		}
		v.judge("sizes", name+", root", "", err)

		counted := given.Sampled
		if counted == nil {
			for i := int64(0); i <= size; i++ {
				counted = append(counted, i)
			}
		}
		var inclusion, consistency [][]byte
		for _, i := range counted {
			if i < size {
				path, err := tlog.ProveRecord(size, i, reader)
				if err != nil {
					return err
				}
				inclusion = append(inclusion, concat(path))
			}
			var path tlog.TreeProof
			if i > 0 { // from size 0 the proof is empty, which the checksum database leaves open
				var err error
				if path, err = tlog.ProveTree(size, i, reader); err != nil {
					return err
				}
			}
			consistency = append(consistency, concat(path))
		}
		v.judge("sizes", name+", inclusion proofs", "", given.Inclusion.differsFrom(inclusion))
		v.judge("sizes", name+", consistency proofs", "", given.Consistency.differsFrom(consistency))

		var full [][][]byte
		partial := map[string][]byte{}
		for level, hashes := 0, size; hashes > 0; level, hashes = level+1, hashes/tileWidth {
			for _, tile := range tilesOf(level, hashes) {
				data, err := tlog.ReadTileData(tile, reader)
				if err != nil {
					return err
				}
				if tile.W < tileWidth {
					hash := sha256.Sum256(data)
					partial[tilePath(tile)] = hash[:]
					continue
				}
				if len(full) == level {
					full = append(full, nil)
				}
				full[level] = append(full[level], data)
			}
		}
		err = nil
		if len(full) != len(given.FullTiles) {
			err = fmt.Errorf("%d levels have full tiles", len(full))
		} else {
			for level := range full {
				if fault := given.FullTiles[level].differsFrom(full[level]); fault != nil {
					err = fmt.Errorf("level %d: %w", level, fault)
				}
			}
		}
		v.judge("sizes", name+", full tiles", "", err)
		v.judge("sizes", name+", partial tiles", "", sameTiles(given.PartialTiles, partial))
	}
	return nil
}

func sameTiles(given, made map[string][]byte) error {
	if len(given) != len(made) {
		return fmt.Errorf("there are %d", len(made))
	}
	for path, hash := range made {
		if !bytes.Equal(given[path], hash) {
			return fmt.Errorf("%s is another", path)
		}
	}
	return nil
}

func checkExample(v *verdicts, text []byte) error {
	var file struct {
		Entries   []string          `json:"entries"`
		Nodes     map[string][]byte `json:"nodes"`
		Roots     map[string][]byte `json:"roots"`
		Inclusion []struct {
			Index uint64   `json:"index,string"`
			Proof []string `json:"proof"`
		} `json:"inclusion"`
		Consistency []struct {
			OldSize uint64   `json:"old_size,string"`
			Proof   []string `json:"proof"`
		} `json:"consistency"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	named := func(names []string) [][]byte {
		var hashes [][]byte
		for _, name := range names {
			hashes = append(hashes, file.Nodes[name])
		}
		return hashes
	}
	size, root := uint64(len(file.Entries)), file.Roots["7"]
	for _, given := range file.Inclusion {
		leaf := rfc6962.DefaultHasher.HashLeaf([]byte(file.Entries[given.Index]))
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, given.Index, size, leaf, named(given.Proof), root)
		v.judge("rfc9162", fmt.Sprintf("inclusion of d%d", given.Index), "", err)
	}
	for _, given := range file.Consistency {
		old := file.Roots[strconv.FormatUint(given.OldSize, 10)]
		err := proof.VerifyConsistency(rfc6962.DefaultHasher, given.OldSize, size, named(given.Proof), old, root)
		v.judge("rfc9162", fmt.Sprintf("consistency from %d", given.OldSize), "", err)
	}
	return nil
}

func checkInclusions(v *verdicts, text []byte) error {
	var file struct {
		Cases []struct {
			Name     string   `json:"name"`
			Code     string   `json:"code"`
			Index    uint64   `json:"index,string"`
			Size     uint64   `json:"size,string"`
			LeafHash []byte   `json:"leaf_hash"`
			Root     []byte   `json:"root"`
			Proof    [][]byte `json:"proof"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Cases {
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, given.Index, given.Size, given.LeafHash, given.Proof, given.Root)
		v.judge("inclusion", given.Name, given.Code, err)
	}
	return nil
}

func checkConsistencies(v *verdicts, text []byte) error {
	var file struct {
		Cases []struct {
			Name    string   `json:"name"`
			Code    string   `json:"code"`
			OldSize uint64   `json:"old_size,string"`
			NewSize uint64   `json:"new_size,string"`
			OldRoot []byte   `json:"old_root"`
			NewRoot []byte   `json:"new_root"`
			Proof   [][]byte `json:"proof"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Cases {
		err := proof.VerifyConsistency(rfc6962.DefaultHasher, given.OldSize, given.NewSize, given.Proof, given.OldRoot, given.NewRoot)
		v.judge("consistency", given.Name, given.Code, err)
	}
	return nil
}

func checkNotes(v *verdicts, text []byte) error {
	var file struct {
		Vkeys []struct {
			Vkey string `json:"vkey"`
		} `json:"vkeys"`
		MalformedVkeys []string `json:"malformed_vkeys"`
		Cases          []struct {
			Name      string   `json:"name"`
			Code      string   `json:"code"`
			Note      *string  `json:"note"`
			NoteBytes []byte   `json:"note_bytes"`
			Vkeys     []string `json:"vkeys"`
			Text      string   `json:"text"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Vkeys {
		_, err := note.NewVerifier(given.Vkey)
		v.judge("notes", "key "+given.Vkey, "", err)
	}
	for _, vkey := range file.MalformedVkeys {
		_, err := note.NewVerifier(vkey)
		v.judge("notes", fmt.Sprintf("malformed key %q", vkey), "MALFORMED_KEY", err)
	}
	for _, given := range file.Cases {
		signed := given.NoteBytes
		if given.Note != nil {
			signed = []byte(*given.Note)
		}
		opened, err := openNote(signed, given.Vkeys)
		if err == nil && given.Code == "" && opened.Text != given.Text {
			err = fmt.Errorf("the text is %q", opened.Text)
		}
		v.judge("notes", given.Name, given.Code, err)
	}
	return nil
}

func openNote(signed []byte, vkeys []string) (*note.Note, error) {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	return note.Open(signed, note.VerifierList(verifiers...))
}

func checkCheckpoints(v *verdicts, text []byte) error {
	var file struct {
		Cases []struct {
			Name   string   `json:"name"`
			Code   string   `json:"code"`
			Note   string   `json:"note"`
			Origin string   `json:"origin"`
			Vkeys  []string `json:"vkeys"`
			Size   string   `json:"size"`
			Root   []byte   `json:"root"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Cases {
		checkpoint, err := parseCheckpoint([]byte(given.Note), given.Vkeys[0], given.Origin)
		if err == nil && given.Code == "" && (strconv.FormatUint(checkpoint.Size, 10) != given.Size || !bytes.Equal(checkpoint.Hash, given.Root)) {
			err = fmt.Errorf("read as size %d", checkpoint.Size)
		}
		v.judge("checkpoints", given.Name, given.Code, err)
	}
	return nil
}

func checkProofs(v *verdicts, text []byte) error {
	var file struct {
		Cases []struct {
			Name     string   `json:"name"`
			Code     string   `json:"code"`
			Text     string   `json:"text"`
			LeafHash []byte   `json:"leaf_hash"`
			Origin   string   `json:"origin"`
			Vkeys    []string `json:"vkeys"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Cases {
		v.judge("proofs", given.Name, given.Code, verifyProof([]byte(given.Text), given.LeafHash, given.Vkeys[0], given.Origin))
	}
	return nil
}

// verifyProof is all of C2SP tlog-proof: the text, its checkpoint, the way from the leaf to the root.
func verifyProof(text, leaf []byte, vkey, origin string) error {
	var parsed tlogproof.TLogProof
	if err := parsed.Unmarshal(text); err != nil {
		return err
	}
	checkpoint, err := parseCheckpoint(parsed.Checkpoint, vkey, origin)
	if err != nil {
		return err
	}
	var path [][]byte
	for _, hash := range parsed.Hashes {
		path = append(path, hash[:])
	}
	return proof.VerifyInclusion(rfc6962.DefaultHasher, parsed.Index, checkpoint.Size, leaf, path, checkpoint.Hash)
}

func checkPaths(v *verdicts, text []byte) error {
	var file struct {
		Paths []struct {
			Path  string `json:"path"`
			Level any    `json:"level"`
			Index int64  `json:"index,string"`
			Width int    `json:"width"`
		} `json:"paths"`
		MalformedPaths []string `json:"malformed_paths"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Paths {
		level := -1
		if number, ok := given.Level.(float64); ok {
			level = int(number)
		}
		tile := tlog.Tile{H: tileHeight, L: level, N: given.Index, W: given.Width}
		var err error
		if path := tilePath(tile); path != given.Path {
			err = fmt.Errorf("it is %s", path)
		}
		v.judge("tiles", "path "+given.Path, "", err)
	}
	for _, path := range file.MalformedPaths {
		rest, isTile := strings.CutPrefix(path, "tile/")
		_, err := tlog.ParseTilePath("tile/8/" + strings.Replace(rest, "entries", "data", 1))
		if !isTile {
			err = fmt.Errorf("no tile")
		}
		v.judge("tiles", fmt.Sprintf("malformed path %q", path), "MALFORMED_TILE", err)
	}
	return nil
}

// checkReceipts verifies what is C2SP in a receipt, its proof; signature and BLAKE3 hash are ours alone.
func checkReceipts(v *verdicts, text []byte) error {
	var file struct {
		Cases []struct {
			Name    string          `json:"name"`
			Code    string          `json:"code"`
			Receipt json.RawMessage `json:"receipt"`
			Span    string          `json:"span"`
			Vkeys   []string        `json:"vkeys"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, given := range file.Cases {
		if given.Code != "" {
			continue
		}
		var receipt struct {
			Merkle string `json:"merkle"`
			Log    string `json:"log"`
		}
		if err := json.Unmarshal(given.Receipt, &receipt); err != nil {
			return err
		}
		leaf := rfc6962.DefaultHasher.HashLeaf([]byte(given.Span))
		v.judge("receipts", given.Name, "", verifyProof([]byte(receipt.Merkle), leaf, given.Vkeys[len(given.Vkeys)-1], receipt.Log))
	}
	return nil
}
