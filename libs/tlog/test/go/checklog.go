package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	formatslog "github.com/transparency-dev/formats/log"
	formatsnote "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// counts is how much of a log was found good.
type counts struct {
	Size        uint64 `json:"size"`
	Entries     int    `json:"entries"`
	Tiles       int    `json:"tiles"`
	Inclusion   int    `json:"inclusion"`
	Consistency int    `json:"consistency"`
	Receipts    int    `json:"receipts"`
}

// checkedLog is a log whose entries, tiles and root were found to agree.
type checkedLog struct {
	vkey   string
	origin string
	newest *formatslog.Checkpoint
	leaves [][]byte
	reader tlog.HashReader
	counts counts
}

func checkLog(from source, vkey string, old []string, proofs string) (*counts, error) {
	signed, err := from.read("checkpoint")
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	// the key's name is the log's origin: C2SP tlog-checkpoint says should, and we do
	origin, _, _ := strings.Cut(vkey, "+")
	newest, err := parseCheckpoint(signed, vkey, origin)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	log := &checkedLog{vkey: vkey, origin: origin, newest: newest, counts: counts{Size: newest.Size}}
	if err := log.checkEntries(from); err != nil {
		return nil, err
	}
	if err := log.checkTiles(from); err != nil {
		return nil, err
	}
	if err := log.checkRoot(from); err != nil {
		return nil, err
	}
	if err := log.checkSamples(); err != nil {
		return nil, err
	}
	for _, file := range old {
		signed, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := log.checkOld(signed); err != nil {
			return nil, fmt.Errorf("old checkpoint %s: %w", filepath.Base(file), err)
		}
	}
	if proofs == "" {
		return &log.counts, nil
	}
	files, err := filepath.Glob(filepath.Join(proofs, "*.tlog-proof"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := log.checkReceipt(text); err != nil {
			return nil, fmt.Errorf("receipt %s: %w", filepath.Base(file), err)
		}
	}
	return &log.counts, nil
}

// parseCheckpoint verifies a checkpoint twice: as the checksum database reads notes, and as transparency-dev does.
func parseCheckpoint(signed []byte, vkey, origin string) (*formatslog.Checkpoint, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
		return nil, err
	}
	again, err := formatsnote.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	checkpoint, _, _, err := formatslog.ParseCheckpoint(signed, origin, again)
	if err != nil {
		return nil, err
	}
	if len(checkpoint.Hash) != tlog.HashSize {
		return nil, fmt.Errorf("a root of %d bytes", len(checkpoint.Hash))
	}
	if checkpoint.Size > math.MaxInt64 {
		return nil, fmt.Errorf("a size beyond 63 bits")
	}
	if checkpoint.Size == 0 && !bytes.Equal(checkpoint.Hash, rfc6962.DefaultHasher.EmptyRoot()) {
		return nil, fmt.Errorf("size 0 with the root of another tree")
	}
	return checkpoint, nil
}

// checkEntries reads all bundles and hashes what is in them.
func (l *checkedLog) checkEntries(from source) error {
	for _, tile := range tilesOf(-1, int64(l.newest.Size)) {
		bundle, err := from.read(tilePath(tile))
		if err != nil {
			return fmt.Errorf("bundle %s: %w", tilePath(tile), err)
		}
		entries, err := parseBundle(bundle, tile.W)
		if err != nil {
			return fmt.Errorf("bundle %s: %w", tilePath(tile), err)
		}
		for _, entry := range entries {
			leaf := rfc6962.DefaultHasher.HashLeaf(entry)
			if again := tlog.RecordHash(entry); !bytes.Equal(leaf, again[:]) {
				return fmt.Errorf("entry %d: two leaf hashes", len(l.leaves))
			}
			l.leaves = append(l.leaves, leaf)
		}
	}
	l.counts.Entries = len(l.leaves)
	return nil
}

// checkTiles compares every tile of every level with what the entries make of it.
func (l *checkedLog) checkTiles(from source) error {
	hashes := l.leaves
	for level := 0; len(hashes) > 0; level++ {
		var above [][]byte
		for _, tile := range tilesOf(level, int64(len(hashes))) {
			served, err := from.read(tilePath(tile))
			if err != nil {
				return fmt.Errorf("tile %s: %w", tilePath(tile), err)
			}
			row := hashes[tile.N*tileWidth : tile.N*tileWidth+int64(tile.W)]
			if !bytes.Equal(served, bytes.Join(row, nil)) {
				return fmt.Errorf("tile %s: not the hashes of its entries", tilePath(tile))
			}
			if tile.W == tileWidth {
				above = append(above, rootOver(row))
			}
			l.counts.Tiles++
		}
		hashes = above
	}
	return nil
}

// checkRoot holds the signed root against the entries, and against the tiles by themselves.
func (l *checkedLog) checkRoot(from source) error {
	if root := rootOver(l.leaves); !bytes.Equal(root, l.newest.Hash) {
		return fmt.Errorf("root: the entries have another than the checkpoint")
	}
	size := int64(l.newest.Size)
	tree := tlog.Tree{N: size, Hash: tlog.Hash(l.newest.Hash)}
	l.reader = tlog.TileHashReader(tree, &tileReader{from, map[string][]byte{}})
	if size == 0 {
		return nil
	}
	root, err := tlog.TreeHash(size, l.reader)
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if !bytes.Equal(root[:], l.newest.Hash) {
		return fmt.Errorf("root: the tiles have another than the checkpoint")
	}
	return nil
}

// checkSamples proves entries at the edges of tiles, and growth from sizes there: all of a small log, some of a large one.
func (l *checkedLog) checkSamples() error {
	size := int64(l.newest.Size)
	for index := range size {
		if !isSampled(index, size) {
			continue
		}
		if err := l.checkInclusion(index); err != nil {
			return fmt.Errorf("inclusion of entry %d: %w", index, err)
		}
		if err := l.checkGrowth(uint64(index+1), rootOver(l.leaves[:index+1])); err != nil {
			return fmt.Errorf("growth from %d: %w", index+1, err)
		}
	}
	return nil
}

func isSampled(index, size int64) bool {
	edge := (index + 2) % tileWidth
	return size <= 1000 || size-index <= 3 || index < 3 || (edge <= 3 && (index/tileWidth)%16 == 0)
}

func (l *checkedLog) checkInclusion(index int64) error {
	path, err := tlog.ProveRecord(int64(l.newest.Size), index, l.reader)
	if err != nil {
		return err
	}
	leaf := tlog.Hash(l.leaves[index])
	if err := tlog.CheckRecord(path, int64(l.newest.Size), tlog.Hash(l.newest.Hash), index, leaf); err != nil {
		return err
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), l.newest.Size, leaf[:], rowsOf(path), l.newest.Hash); err != nil {
		return err
	}
	l.counts.Inclusion++
	return nil
}

// checkGrowth proves from the tiles that the newest tree begins with the one of that size and root.
func (l *checkedLog) checkGrowth(size uint64, root []byte) error {
	if size > l.newest.Size {
		return fmt.Errorf("a tree of %d entries is newer than that of %d", size, l.newest.Size)
	}
	// of the empty tree there is nothing to prove, and the reference proves nothing
	if size > 0 && size < l.newest.Size {
		path, err := tlog.ProveTree(int64(l.newest.Size), int64(size), l.reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(path, int64(l.newest.Size), tlog.Hash(l.newest.Hash), int64(size), tlog.Hash(root)); err != nil {
			return err
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, size, l.newest.Size, rowsOf(path), root, l.newest.Hash); err != nil {
			return err
		}
	}
	if size == l.newest.Size && !bytes.Equal(root, l.newest.Hash) {
		return fmt.Errorf("two trees of %d entries", size)
	}
	l.counts.Consistency++
	return nil
}

func (l *checkedLog) checkOld(signed []byte) error {
	old, err := parseCheckpoint(signed, l.vkey, l.origin)
	if err != nil {
		return err
	}
	return l.checkGrowth(old.Size, old.Hash)
}

// checkReceipt verifies a .tlog-proof for the entry that it names, and that its checkpoint is of this log's history.
func (l *checkedLog) checkReceipt(text []byte) error {
	var receipt tlogproof.TLogProof
	if err := receipt.Unmarshal(text); err != nil {
		return err
	}
	if again := receipt.Marshal(); !bytes.Equal(again, text) {
		return fmt.Errorf("written again, it is another text")
	}
	checkpoint, err := parseCheckpoint(receipt.Checkpoint, l.vkey, l.origin)
	if err != nil {
		return err
	}
	if receipt.Index >= uint64(len(l.leaves)) {
		return fmt.Errorf("there is no entry %d", receipt.Index)
	}
	path := make([][]byte, len(receipt.Hashes))
	for i, hash := range receipt.Hashes {
		path[i] = hash[:]
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, receipt.Index, checkpoint.Size, l.leaves[receipt.Index], path, checkpoint.Hash); err != nil {
		return err
	}
	if err := l.checkGrowth(checkpoint.Size, checkpoint.Hash); err != nil {
		return err
	}
	l.counts.Receipts++
	return nil
}

// rootOver is the root of the tree with these leaves, by compact ranges.
func rootOver(leaves [][]byte) []byte {
	hasher := rfc6962.DefaultHasher
	if len(leaves) == 0 {
		return hasher.EmptyRoot()
	}
	tree := (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := tree.Append(leaf, nil); err != nil {
			panic(err) // only a range that begins elsewhere refuses
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		panic(err)
	}
	return root
}

func rowsOf(path []tlog.Hash) [][]byte {
	rows := make([][]byte, len(path))
	for i, hash := range path {
		rows[i] = hash[:]
	}
	return rows
}
