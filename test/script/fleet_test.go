package script

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

// cmdFleet sets the scene. SERVERS are names separated by commas. Each form
// also writes the kubeconfig.
//
//	fleet up NAME…                         starts servers, a context each; puts
//	                                       NAME_url, NAME_ca (NAME_pem in
//	                                       base64), NAME_token into the environment
//	fleet load SERVERS FILE…               adds objects from YAML
//	fleet unload SERVERS FILE              removes the (namespaced) objects of the YAML
//	fleet secret SERVER NAMESPACE/NAME KEY FILE   adds a Secret with the file
//	fleet member HUB NAME SERVER           puts a server behind the proxy of a
//	                                       Karmada control plane
//	fleet velero SERVERS                   Velero, which answers, and a location
//	fleet version SERVERS V                the Kubernetes version
//	fleet fault SERVERS KIND [on X] [after N] [text T]   see fakefleet.Fault
//	fleet heal SERVERS                     ends the faults in answers
//	fleet context NAME SERVER [namespace=N] [user=U]
//	fleet nocontext NAME
//	fleet login USER [mode=M] PROGRAM [args…]   a user with a credential plugin
//	fleet current NAME                     the current context
//	fleet write FILE [CONTEXT…]            another kubeconfig, of these contexts
func cmdFleet(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, -1)
	s := sceneOf(ts)
	kubeconfig := &s.fleet.Kubeconfig
	verb, args := args[0], args[1:]
	switch verb {
	case "up":
		ts.Check(s.fleet.Up(args...))
		for _, name := range args {
			publish(ts, s.server(ts, name))
		}
	case "load":
		s.each(ts, args[0], func(server *fakefleet.Server) error {
			for _, file := range args[1:] {
				if err := server.Load([]byte(ts.ReadFile(file))); err != nil {
					return err
				}
			}
			return nil
		})
	case "unload":
		arguments(ts, neg, args, 2, 2)
		s.each(ts, args[0], func(server *fakefleet.Server) error { return server.Unload([]byte(ts.ReadFile(args[1]))) })
	case "secret":
		arguments(ts, neg, args, 4, 4)
		ts.Check(s.server(ts, args[0]).Load(secret(ts, args[1], args[2], ts.ReadFile(args[3]))))
	case "member":
		arguments(ts, neg, args, 3, 3)
		s.server(ts, args[0]).AddMember(args[1], s.server(ts, args[2]))
	case "velero":
		arguments(ts, neg, args, 1, 1)
		s.each(ts, args[0], (*fakefleet.Server).AddVelero)
	case "version":
		arguments(ts, neg, args, 2, 2)
		s.each(ts, args[0], func(server *fakefleet.Server) error {
			server.SetVersion(args[1])
			return nil
		})
	case "fault":
		fault := parseFault(ts, args)
		s.each(ts, args[0], func(server *fakefleet.Server) error { return server.AddFault(fault) })
	case "heal":
		s.each(ts, args[0], func(server *fakefleet.Server) error {
			server.Heal()
			return nil
		})
	case "context":
		arguments(ts, neg, args, 2, 4)
		settings := parseSettings(ts, args[2:], "namespace", "user")
		kubeconfig.SetContext(fakefleet.Context{Name: args[0], Server: args[1], Namespace: settings["namespace"], User: settings["user"]})
	case "nocontext":
		kubeconfig.RemoveContext(args[0])
	case "login":
		kubeconfig.AddLogin(parseLogin(ts, args))
	case "current":
		kubeconfig.Current = args[0]
	case "write":
		ts.Check(kubeconfig.Write(ts.MkAbs(args[0]), args[1:]...))
		return
	default:
		ts.Fatalf("fleet has no verb %q", verb)
	}
	ts.Check(kubeconfig.Write(s.config))
}

func (s *scene) each(ts *testscript.TestScript, names string, do func(*fakefleet.Server) error) {
	for name := range strings.SplitSeq(names, ",") {
		ts.Check(do(s.server(ts, name)))
	}
}

// parseFault reads SERVERS KIND [on X] [after N] [text T]. A text may have Go's
// escapes, such as \x1b.
func parseFault(ts *testscript.TestScript, args []string) fakefleet.Fault {
	if len(args) < 2 || len(args)%2 != 0 {
		ts.Fatalf("want SERVERS KIND [on X] [after N] [text T]")
	}
	fault := fakefleet.Fault{Kind: fakefleet.FaultKind(args[1])}
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		switch rest[0] {
		case "on":
			fault.On = rest[1]
		case "after":
			fault.After = number(ts, rest[1])
		case "text":
			text, err := strconv.Unquote(`"` + rest[1] + `"`)
			ts.Check(err)
			fault.Text = text
		default:
			ts.Fatalf("unknown %q", rest[0])
		}
	}
	return fault
}

// secret is a Secret of one key, as a document.
func secret(ts *testscript.TestScript, path, key, value string) []byte {
	namespace, name, _ := strings.Cut(path, "/")
	document, err := json.Marshal(corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string][]byte{key: []byte(value)},
	})
	ts.Check(err)
	return document
}

func parseSettings(ts *testscript.TestScript, args []string, known ...string) map[string]string {
	settings := map[string]string{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if !strings.Contains(strings.Join(known, " "), name) {
			ts.Fatalf("unknown setting %q; there are %q", name, known)
		}
		settings[name] = value
	}
	return settings
}

func parseLogin(ts *testscript.TestScript, args []string) fakefleet.Login {
	login := fakefleet.Login{User: args[0], Mode: apiv1.IfAvailableExecInteractiveMode}
	rest := args[1:]
	if len(rest) > 0 {
		if mode, is := strings.CutPrefix(rest[0], "mode="); is {
			login.Mode, rest = apiv1.ExecInteractiveMode(mode), rest[1:]
		}
	}
	if len(rest) == 0 {
		ts.Fatalf("want USER [mode=M] PROGRAM [args…]")
	}
	login.Command = append([]string{}, rest...)
	if strings.HasPrefix(login.Command[0], "./") {
		login.Command[0] = ts.MkAbs(login.Command[0])
	}
	return login
}
