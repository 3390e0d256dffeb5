package main

import (
	"bytes"
	"fmt"
	"os"

	formatsnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// cosigner is who has cosigned, and the time it says, in POSIX seconds.
type cosigner struct {
	Name    string `json:"name"`
	Seconds int64  `json:"seconds"`
}

// checkCosigned verifies a checkpoint by its log's key and by those of its witnesses: each of them must have cosigned it.
func checkCosigned(file, vkey string, witnesses []string) ([]cosigner, error) {
	signed, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("the log's key: %w", err)
	}
	verifiers := []note.Verifier{log}
	for _, witness := range witnesses {
		verifier, err := formatsnote.NewVerifierForCosignatureV1(witness)
		if err != nil {
			return nil, fmt.Errorf("the witness %s: %w", witness, err)
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	var cosigners []cosigner
	isByLog := false
	for _, sig := range opened.Sigs {
		if sig.Name == log.Name() && sig.Hash == log.KeyHash() {
			isByLog = true
			continue
		}
		at, err := formatsnote.CoSigV1Timestamp(sig)
		if err != nil {
			return nil, fmt.Errorf("the cosignature by %s: %w", sig.Name, err)
		}
		cosigners = append(cosigners, cosigner{sig.Name, at.Unix()})
	}
	if !isByLog {
		return nil, fmt.Errorf("the log has not signed it")
	}
	if len(cosigners) != len(witnesses) {
		return nil, fmt.Errorf("%d of %d witnesses have cosigned it", len(cosigners), len(witnesses))
	}
	return cosigners, nil
}

// cosigned is a note with one more signature: for us to verify.
type cosigned struct {
	Note string `json:"note"`
}

// cosign adds the cosignature of a witness as transparency-dev makes it; skey is PRIVATE+KEY+<name>+<id>+<base64>.
func cosign(file, vkey, skey string) (*cosigned, error) {
	signed, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(signed, note.VerifierList(log))
	if err != nil {
		return nil, err
	}
	signer, err := formatsnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		return nil, err
	}
	both, err := note.Sign(opened, signer)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(both, signed) {
		return nil, fmt.Errorf("the note changed while it was cosigned")
	}
	return &cosigned{string(both)}, nil
}
