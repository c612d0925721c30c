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

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
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
	f, err := family.Read(root)
	if err != nil {
		return err
	}
	generated := tree{}
	if err := addManifests(generated, f); err != nil {
		return err
	}
	if err := addReference(generated, f); err != nil {
		return err
	}
	if check {
		return generated.compare(root)
	}
	return generated.write(root)
}
