// Command download fetches the pages of one collection from every context of a
// kubeconfig, all at once, and looks at nothing but where the next page is. It
// asks as kubectl does; nobody who asks so can be faster.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/test/bench/endpoint"
)

const acceptTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

func main() {
	kubeconfig := flag.String("kubeconfig", "", "whom to ask")
	path := flag.String("path", "/api/v1/pods", "what to ask for")
	include := flag.String("include", "Metadata", "includeObject: Metadata or None")
	flag.Parse()
	if err := run(*kubeconfig, *path, *include); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(kubeconfig, path, include string) error {
	all, err := endpoint.All(kubeconfig)
	if err != nil {
		return err
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, e := range all {
		wg.Go(func() { errs[i] = download(e, path, include) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func download(e endpoint.Endpoint, path, include string) error {
	query := url.Values{"limit": {"500"}, "includeObject": {include}}
	for {
		body, err := e.Send(http.MethodGet, path+"?"+query.Encode(), map[string]string{"Accept": acceptTable}, http.NoBody)
		if err != nil {
			return err
		}
		next := ""
		if found := continues.FindSubmatch(body); found != nil {
			next = string(found[1])
		}
		if next == "" {
			return nil
		}
		query.Set("continue", next)
	}
}

// continues finds the token of the next page.
var continues = regexp.MustCompile(`^.{0,400}"continue":"([^"]*)"`)
