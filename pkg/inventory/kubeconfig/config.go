package kubeconfig

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// Config is a merged kubeconfig that still knows the order of its contexts,
// which clientcmd's maps lose.
type Config struct {
	merged *api.Config
	order  []string
	// Missing are files that were named, by KUBECONFIG for one, and do not
	// exist. kubectl passes over them in silence; a fleet must not shrink so.
	Missing []string
	// logins are the different exec logins of each endpoint, see identity.go.
	logins map[string]map[string]bool
}

// None is a kubeconfig without contexts.
func None() *Config { return &Config{merged: api.NewConfig()} }

// Load reads and merges the files that the rules name, exactly as kubectl does.
func Load(rules *clientcmd.ClientConfigLoadingRules) (*Config, error) {
	merged, err := rules.Load()
	if err != nil {
		// client-go shows the entries among which two have one name: tokens.
		said, _, _ := strings.Cut(err.Error(), " in list: ")
		return nil, fmt.Errorf("kubeconfig: %s", said)
	}
	if len(merged.Contexts) == 0 {
		return nil, noContexts(rules.GetLoadingPrecedence())
	}
	c := &Config{merged: merged}
	for _, path := range rules.GetLoadingPrecedence() {
		if path == "" { // KUBECONFIG=a: ends in one
			continue
		}
		inFile, err := contextsOf(path)
		if errors.Is(err, os.ErrNotExist) {
			if path != clientcmd.RecommendedHomeFile {
				c.Missing = append(c.Missing, path)
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
		}
		for _, name := range inFile {
			if merged.Contexts[name] != nil && !slices.Contains(c.order, name) {
				c.order = append(c.order, name)
			}
		}
	}
	if i := slices.Index(c.order, merged.CurrentContext); i > 0 {
		c.order = slices.Insert(slices.Delete(c.order, i, i+1), 0, merged.CurrentContext)
	}
	c.logins = c.loginsByEndpoint()
	return c, nil
}

// noContexts is the error of a kubeconfig without a single context, with the
// files that were looked at.
func noContexts(paths []string) error {
	var looked []string
	for _, path := range paths {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			path = "there is no " + path
		}
		looked = append(looked, path)
	}
	return fmt.Errorf("the kubeconfig has no contexts (%s): set KUBECONFIG or pass --kubeconfig", strings.Join(looked, ", "))
}

// HasContext reports whether the kubeconfig has a context of that name.
func (c *Config) HasContext(name string) bool { return c.merged.Contexts[name] != nil }

// contexts lists the context names, the current one first, then as in the files.
func (c *Config) contexts() []string { return c.order }

// only copies what one context needs. Copies, because clientcmd writes into the
// exec section of the user it resolves, and two contexts may share a user.
func (c *Config) only(contextName string) *api.Config {
	small := api.NewConfig()
	kubeContext := c.merged.Contexts[contextName]
	if kubeContext == nil {
		return small
	}
	small.CurrentContext = contextName
	small.Contexts[contextName] = kubeContext.DeepCopy()
	if cluster := c.merged.Clusters[kubeContext.Cluster]; cluster != nil {
		small.Clusters[kubeContext.Cluster] = cluster.DeepCopy()
	}
	if user := c.merged.AuthInfos[kubeContext.AuthInfo]; user != nil {
		small.AuthInfos[kubeContext.AuthInfo] = user.DeepCopy()
	}
	return small
}

func contextsOf(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Contexts []apiv1.NamedContext `json:"contexts"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	names := make([]string, len(file.Contexts))
	for i, c := range file.Contexts {
		names[i] = c.Name
	}
	return names, nil
}
