package script

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

// scene is what one script works with.
type scene struct {
	fleet  *fakefleet.Fleet
	config string // the kubeconfig that the fleet is written to
	// interrupted are the background commands that got a SIGINT.
	interrupted []*exec.Cmd
}

type sceneKey struct{}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

func (s *scene) server(ts *testscript.TestScript, name string) *fakefleet.Server {
	server, err := s.fleet.Server(name)
	ts.Check(err)
	return server
}

// commands are those that scripts have beside testscript's own:
//
//	fleet …                       see fleet_test.go
//	exitcode N program [args…]    runs the program, which must end with N
//	requests SERVER [TEXT] OP N   compares (==, >=) the number of requests, all
//	                              or those whose path and query contain TEXT
//	requests SERVER               writes the requests to stdout, a line each
//	forget SERVER                 empties the log of requests
//	await SERVER N                waits until the server has got N requests
//	await-file FILE…              waits until the files exist
//	await-text FILE TEXT          waits until the file contains the text
//	interrupt                     sends SIGINT to what runs in the background;
//	                              it must be gone within a few seconds
//	exited N                      after interrupt and wait: the exit code
//	expand FILE…                  replaces $NAME by the environment's, in place
//	jsonvalid, yamlvalid FILE     the file, or stdout, is one valid document
//	json FILE JSONPATH WANT       what the path finds in the document
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"await":      cmdAwait,
		"await-file": cmdAwaitFile,
		"await-text": cmdAwaitText,
		"exitcode":   cmdExitcode,
		"exited":     cmdExited,
		"expand":     cmdExpand,
		"fleet":      cmdFleet,
		"forget":     cmdForget,
		"interrupt":  cmdInterrupt,
		"json":       cmdJSON,
		"jsonvalid":  cmdJSONValid,
		"requests":   cmdRequests,
		"yamlvalid":  cmdYAMLValid,
	}
}

// arguments checks how many there are; most < 0 is any number.
func arguments(ts *testscript.TestScript, neg bool, args []string, least, most int) {
	if neg {
		ts.Fatalf("this command cannot be negated")
	}
	if len(args) < least || (most >= 0 && len(args) > most) {
		ts.Fatalf("wrong number of arguments: %q", args)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

func cmdExitcode(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, -1)
	want := number(ts, args[0])
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 4)
	server := sceneOf(ts).server(ts, args[0])
	if len(args) < 3 {
		for _, r := range server.Requests(strings.Join(args[1:], "")) {
			_, _ = ts.Stdout().Write([]byte(r.String() + "\n"))
		}
		return
	}
	containing := ""
	if len(args) == 4 {
		containing = args[1]
	}
	got, want := len(server.Requests(containing)), number(ts, args[len(args)-1])
	switch operator := args[len(args)-2]; {
	case operator == "==" && got == want, operator == ">=" && got >= want:
	default:
		for _, r := range server.Requests("") {
			ts.Logf("%s", r)
		}
		ts.Fatalf("%s got %d requests, want %s %d", args[0], got, operator, want)
	}
}

func cmdForget(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	sceneOf(ts).server(ts, args[0]).ForgetRequests()
}

// patience bounds how long a script waits for what must come.
const patience = 10 * time.Second

// until polls until something holds.
func until(ts *testscript.TestScript, what string, holds func() bool) {
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	server, want := sceneOf(ts).server(ts, args[0]), number(ts, args[1])
	until(ts, strings.Join(args, " "), func() bool { return len(server.Requests("")) >= want })
}

func cmdAwaitFile(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, -1)
	for _, file := range args {
		until(ts, file, func() bool {
			_, err := os.Stat(ts.MkAbs(file))
			return err == nil
		})
	}
}

func cmdAwaitText(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	until(ts, strings.Join(args, " contains "), func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && bytes.Contains(text, []byte(args[1]))
	})
}

func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 0, 0)
	s := sceneOf(ts)
	s.interrupted = ts.BackgroundCmds()
	if len(s.interrupted) == 0 {
		ts.Fatalf("nothing runs in the background")
	}
	for _, cmd := range s.interrupted {
		ts.Check(cmd.Process.Signal(os.Interrupt))
		until(ts, "ended by SIGINT", func() bool {
			return errors.Is(cmd.Process.Signal(syscall.Signal(0)), os.ErrProcessDone)
		})
	}
}

func cmdExited(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	for _, cmd := range sceneOf(ts).interrupted {
		if code := cmd.ProcessState.ExitCode(); code != number(ts, args[0]) {
			ts.Fatalf("exit code %d, want %s", code, args[0])
		}
	}
}

func cmdExpand(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, -1)
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// publish lets a script's files say where a server is.
func publish(ts *testscript.TestScript, server *fakefleet.Server) {
	ts.Setenv(server.Name+"_url", server.URL)
	ts.Setenv(server.Name+"_ca", base64.StdEncoding.EncodeToString(bytes.TrimSpace(server.CA)))
	ts.Setenv(server.Name+"_pem", string(server.CA))
	ts.Setenv(server.Name+"_token", server.Token())
}
