// Command work is the ledger for the demo.
//
//	work run FOLDER CONTEXT…           makes accounts, writes FOLDER/ledger.yaml, and moves money until it is interrupted
//	work sum NAMESPACE CONTEXT[=WAS]…  says what all accounts hold together; WAS is the cluster that they were of
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-fleet/kubectl-fleet/test/ledger"
)

const namespace = "ledger"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch {
	case len(args) > 3 && args[0] == "run":
		return work(ctx, args[1], args[2:])
	case len(args) > 2 && args[0] == "sum":
		return sum(ctx, args[1], args[2:])
	}
	return errors.New("work run FOLDER CONTEXT… | work sum NAMESPACE CONTEXT[=WAS]…")
}

func configOf(name string) (*rest.Config, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

func work(ctx context.Context, folder string, clusters []string) error {
	configs := map[string]*rest.Config{}
	for _, c := range clusters {
		var err error
		if configs[c], err = configOf(c); err != nil {
			return err
		}
	}
	l, err := ledger.InObjects.Begin(ctx, namespace, folder, configs, func(err error) { fmt.Fprintln(os.Stderr, "error:", err) }, clusters...)
	if err != nil {
		return err
	}
	defer l.End()
	if err := os.WriteFile(filepath.Join(folder, "ledger.yaml"), []byte(l.Policy(true)), 0o600); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func sum(ctx context.Context, in string, contexts []string) error {
	var clusters []string
	at := map[string]*kubernetes.Clientset{}
	for _, c := range contexts {
		is, was, moved := strings.Cut(c, "=")
		if !moved {
			was = is
		}
		config, err := configOf(is)
		if err != nil {
			return err
		}
		if at[was], err = kubernetes.NewForConfig(config); err != nil {
			return err
		}
		clusters = append(clusters, was)
	}
	total, inFlight, err := ledger.InObjects.Sum(ctx, in, clusters, at)
	if err != nil {
		return err
	}
	fmt.Printf("%d coins in %s, %d transfers under way\n", total, strings.Join(contexts, ", "), inFlight)
	if want := ledger.Total(len(clusters)); total != want {
		return fmt.Errorf("there were %d", want)
	}
	return nil
}
