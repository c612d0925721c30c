package fakefleet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// Kubeconfig is a kubeconfig as it will be written: contexts keep their order.
type Kubeconfig struct {
	// Current is the current context; empty: none.
	Current  string
	servers  []*Server
	contexts []Context
	logins   []Login
}

// Context is one context.
type Context struct {
	Name string
	// Server is the name of the server that it reaches.
	Server string
	// User is a Login's; empty: the server's own token.
	User      string
	Namespace string
}

// Login is a user who logs in by a credential plugin.
type Login struct {
	User string
	// Command is the plugin with its arguments.
	Command []string
	// Mode is the plugin's interactiveMode.
	Mode apiv1.ExecInteractiveMode
}

func (k *Kubeconfig) add(s *Server) {
	k.servers = append(k.servers, s)
	k.contexts = append(k.contexts, Context{Name: s.Name, Server: s.Name})
}

// SetContext adds a context, or replaces the one of that name.
func (k *Kubeconfig) SetContext(c Context) {
	if i := slices.IndexFunc(k.contexts, func(old Context) bool { return old.Name == c.Name }); i >= 0 {
		k.contexts[i] = c
		return
	}
	k.contexts = append(k.contexts, c)
}

// RemoveContext takes a context out.
func (k *Kubeconfig) RemoveContext(name string) {
	k.contexts = slices.DeleteFunc(k.contexts, func(c Context) bool { return c.Name == name })
}

// AddLogin adds a user.
func (k *Kubeconfig) AddLogin(l Login) { k.logins = append(k.logins, l) }

// Write writes the kubeconfig with the contexts named, or with all.
func (k *Kubeconfig) Write(path string, only ...string) error {
	config := apiv1.Config{APIVersion: "v1", Kind: "Config", CurrentContext: k.Current}
	for _, s := range k.servers {
		config.Clusters = append(config.Clusters, apiv1.NamedCluster{
			Name: s.Name, Cluster: apiv1.Cluster{Server: s.URL, CertificateAuthorityData: s.CA},
		})
		config.AuthInfos = append(config.AuthInfos, apiv1.NamedAuthInfo{Name: s.Name, AuthInfo: apiv1.AuthInfo{Token: s.Token()}})
	}
	for _, l := range k.logins {
		config.AuthInfos = append(config.AuthInfos, apiv1.NamedAuthInfo{Name: l.User, AuthInfo: apiv1.AuthInfo{Exec: &apiv1.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: l.Mode, Command: l.Command[0], Args: l.Command[1:],
		}}})
	}
	for _, c := range k.contexts {
		if len(only) > 0 && !slices.Contains(only, c.Name) {
			continue
		}
		if !slices.ContainsFunc(k.servers, func(s *Server) bool { return s.Name == c.Server }) {
			return fmt.Errorf("context %q: no server is called %q", c.Name, c.Server)
		}
		user := c.User
		if user == "" {
			user = c.Server
		}
		config.Contexts = append(config.Contexts, apiv1.NamedContext{
			Name: c.Name, Context: apiv1.Context{Cluster: c.Server, AuthInfo: user, Namespace: c.Namespace},
		})
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
