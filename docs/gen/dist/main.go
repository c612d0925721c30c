// Command dist makes what is published of a commit, and prints what it weighs.
//
//	go run ./docs/gen/dist                            # all platforms, into dist/
//	go run ./docs/gen/dist -platform linux/amd64      # one of them
//	go run ./docs/gen/dist -gate bin                  # make nothing; check what `make build` built
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/release"
)

func main() {
	root := flag.String("root", ".", "the checkout")
	out := flag.String("out", "dist", "the folder for what is made")
	platforms := flag.String("platform", "", "OS/ARCH, several with commas; all of "+family.File+" when not given")
	archive := flag.String("archive", "", "where the archives will be, with placeholders as in "+family.File)
	gate := flag.String("gate", "", "make nothing; check the plugins in this folder, built for this machine")
	flag.Parse()
	var err error
	if *gate != "" {
		err = check(*root, *gate)
	} else {
		err = dist(*root, *out, *platforms, *archive)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// dist makes a release and says what it weighs.
func dist(root, out, platforms, archive string) error {
	o := release.Options{Root: root, Out: out, Archive: archive, Log: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}}
	for _, text := range strings.FieldsFunc(platforms, func(r rune) bool { return r == ',' }) {
		system, arch, ok := strings.Cut(text, "/")
		if !ok {
			return fmt.Errorf("-platform %q: want OS/ARCH, such as linux/amd64", text)
		}
		o.Platforms = append(o.Platforms, family.Platform{OS: system, Arch: arch})
	}
	made, err := release.Make(context.Background(), o)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ARCHIVE\tMIB\tPROGRAM MIB\tMODULES")
	for _, a := range made {
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%d\n", filepath.Base(a.Archive), mib(a.Packed), mib(a.Bytes), a.Modules)
	}
	return table.Flush()
}

// check looks at programs that are built.
func check(root, folder string) error {
	f, err := family.Read(root)
	if err != nil {
		return err
	}
	here := family.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	var errs []error
	for _, p := range f.Plugins {
		path := filepath.Join(folder, p.Program(here))
		if err := release.Gate(path, p.LimitOn(here)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Binary, err))
		}
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(table, "%s\t%.2f MiB, on linux/amd64 at most %d\n", p.Binary, mib(info.Size()), p.Limit)
		}
	}
	return errors.Join(append(errs, table.Flush())...)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
