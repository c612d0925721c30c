package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/term"
	"k8s.io/client-go/util/homedir"
)

// Environment variables that stand for flags.
const (
	// FleetVariable names the fleet where --fleet does not.
	FleetVariable = "KUBECTL_FLEET"
	// FleetFileVariable is the path of the fleet file.
	FleetFileVariable = "KUBECTL_FLEET_CONFIG"
	// ProgramsVariable is the path of the file of access providers, where
	// --clusterprofile-providers does not give one.
	ProgramsVariable = "KUBECTL_FLEET_CLUSTERPROFILE_PROVIDERS"
)

// Env is the world around a command. Nothing below it reads the process's own.
type Env struct {
	// Plugin is the binary's name, such as kubectl-fleet.
	Plugin string
	Args   []string
	In     io.Reader
	// Out carries the result and nothing else.
	Out io.Writer
	// ErrOut carries progress, warnings, notes and errors.
	ErrOut io.Writer
	// OutTerminal and ErrTerminal tell whether a person looks at the stream.
	OutTerminal, ErrTerminal bool
	// Getenv reads an environment variable.
	Getenv func(string) string
	// RightsIn is the page that lists the rights of the command that runs, where rbac does
	// not have them.
	RightsIn string

	// command is the words of the one that runs, such as "schedule list".
	command string
	// printsRoles: the plugin has the command rbac.
	printsRoles bool
	// left: an end now leaves something that a person must see to.
	left *atomic.Bool
	// collects counts how often it was said when garbage is collected: the last counts.
	collects *atomic.Int64
}

func processEnv() *Env {
	return &Env{
		Args: os.Args[1:],
		In:   os.Stdin, Out: os.Stdout, ErrOut: os.Stderr,
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb",
		Getenv:      os.Getenv,
		left:        &atomic.Bool{},
		collects:    &atomic.Int64{},
	}
}

// FleetFile is the path of the user's fleet file, which need not exist.
func (e *Env) FleetFile() string {
	if path := e.Getenv(FleetFileVariable); path != "" {
		return path
	}
	return filepath.Join(homedir.HomeDir(), ".kube", "fleets.yaml")
}

// Who is the person at work, as USER@HOST: what a run in a cluster is signed with.
func (e *Env) Who() string {
	name := e.Getenv("USER")
	if name == "" {
		name = e.Getenv("USERNAME") // on Windows
	}
	if name == "" {
		name = "somebody"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "somewhere"
	}
	return name + "@" + host
}

// verb is the first word of the command that runs.
func (e *Env) verb() string {
	verb, _, _ := strings.Cut(e.command, " ")
	return verb
}
