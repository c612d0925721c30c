// Command gen writes what is generated in this repository from plugins.yaml and
// from the commands themselves: the krew manifests and the reference.
//
//	go run ./docs/gen          # write
//	go run ./docs/gen -check   # change nothing; fail if something is out of date
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "the checkout")
	check := flag.Bool("check", false, "change nothing; fail if a file is out of date")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	family, err := readFamily(root)
	if err != nil {
		return err
	}
	generated := tree{}
	if err := addManifests(generated, family); err != nil {
		return err
	}
	if err := addReference(generated, family); err != nil {
		return err
	}
	if check {
		return generated.compare(root)
	}
	return generated.write(root)
}
