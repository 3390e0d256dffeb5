// Command tlogcheck holds a log of ours against the verifiers that other people wrote: golang.org/x/mod/sumdb/{note,tlog}
// and github.com/transparency-dev/{merkle,formats}. What it finds good it counts, as one line of JSON; what it does not,
// it names, and exits with 1.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

const usage = `tlogcheck log -vkey <key> [-header "<name>: <value>"]... [-old <file>]... [-proofs <folder>] <url or folder>
tlogcheck vectors <folder>
tlogcheck cosigned -vkey <key> [-witness <key>]... <file>
tlogcheck cosign -vkey <key> -skey <key> <file>`

// list is a flag that may be given again.
type list []string

func (l *list) String() string         { return fmt.Sprint(*l) }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func main() {
	found, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	line, err := json.Marshal(found)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(line))
}

func run(args []string) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("usage:\n%s", usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	var headers, old, witnesses list
	vkey := flags.String("vkey", "", "the log's key; its name is the log's origin")
	proofs := flags.String("proofs", "", "a folder of .tlog-proof files, of entries of this log")
	skey := flags.String("skey", "", "a witness's private key")
	flags.Var(&witnesses, "witness", "the key of a witness that must have cosigned")
	flags.Var(&headers, "header", "a header of every request")
	flags.Var(&old, "old", "a checkpoint that the log gave before")
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 {
		return nil, fmt.Errorf("usage:\n%s", usage)
	}
	switch args[0] {
	case "log":
		source, err := openSource(flags.Arg(0), headers)
		if err != nil {
			return nil, err
		}
		return checkLog(source, *vkey, old, *proofs)
	case "vectors":
		return checkVectors(flags.Arg(0))
	case "cosigned":
		return checkCosigned(flags.Arg(0), *vkey, witnesses)
	case "cosign":
		return cosign(flags.Arg(0), *vkey, *skey)
	}
	return nil, fmt.Errorf("usage:\n%s", usage)
}
