// Command writes applies objects to every context of a kubeconfig, or to one, all at once,
// by server-side apply and nothing else: no dry run, no lock, no look at what became
// of them. Nobody who writes these objects can be faster.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-fleet/kubectl-fleet/test/bench/endpoint"
)

// parallel is how many writes a cluster gets at once.
const parallel = 16

func main() {
	kubeconfig := flag.String("kubeconfig", "", "whom to write to")
	only := flag.String("context", "", "the one context to write to; all if it is empty")
	list := flag.String("list", "", "file with a line for each object: path, tab, JSON; the first is the namespace of the others")
	flag.Parse()
	if err := run(*kubeconfig, *only, *list); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(kubeconfig, only, list string) error {
	all, err := endpoint.All(kubeconfig)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(e endpoint.Endpoint) bool { return only != "" && e.Context != only })
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, e := range all {
		wg.Go(func() { errs[i] = writeAll(e, lines) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func writeAll(e endpoint.Endpoint, lines []string) error {
	if err := write(e, lines[0]); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, line := range lines[1:] {
		group.Go(func() error { return write(e, line) })
	}
	return group.Wait()
}

func write(e endpoint.Endpoint, line string) error {
	path, body, _ := strings.Cut(line, "\t")
	header := map[string]string{"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"}
	_, err := e.Send(http.MethodPatch, path+"?fieldManager=writes", header, strings.NewReader(body))
	return err
}
