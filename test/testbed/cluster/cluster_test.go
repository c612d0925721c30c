package cluster

import (
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

func testCluster(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{Spec: Spec{Name: "c7", Version: "v1.36.3", Nodes: 2, Ports: Ports{APIServer: 20001, Etcd: 20002, EtcdPeer: 20003, KWOK: 20004}}, Group: process.Group{Dir: t.TempDir()}}
	if err := c.writeFiles(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificates(t *testing.T) {
	c := testCluster(t)
	for cert, want := range map[string]struct {
		ca    string
		usage x509.ExtKeyUsage
		host  string
	}{
		"apiserver":          {clusterCA, x509.ExtKeyUsageServerAuth, "127.0.0.1"},
		"kubelet":            {clusterCA, x509.ExtKeyUsageServerAuth, "127.0.0.1"},
		"etcd":               {etcdCA, x509.ExtKeyUsageServerAuth, "localhost"},
		"admin":              {clusterCA, x509.ExtKeyUsageClientAuth, ""},
		"front-proxy-client": {frontProxyCA, x509.ExtKeyUsageClientAuth, ""},
		"etcd-client":        {etcdCA, x509.ExtKeyUsageClientAuth, ""},
	} {
		der, err := readPEM(c.cert(cert))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		for _, ca := range []string{clusterCA, frontProxyCA, etcdCA} {
			pool := x509.NewCertPool()
			pem, err := os.ReadFile(c.cert(ca))
			if err != nil {
				t.Fatal(err)
			}
			pool.AppendCertsFromPEM(pem)
			_, err = parsed.Verify(x509.VerifyOptions{Roots: pool, DNSName: want.host, KeyUsages: []x509.ExtKeyUsage{want.usage}})
			// One authority must not vouch for what belongs to another: a user of the cluster is no client of its etcd.
			if ok := err == nil; ok != (ca == want.ca) {
				t.Errorf("%s under %s: %v", cert, ca, err)
			}
		}
	}
}

func TestIssueClient(t *testing.T) {
	c := testCluster(t)
	file, err := c.IssueClient("somebody", "some:group")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := config.Clusters["c7"].Server; got != "https://127.0.0.1:20001" || config.CurrentContext != "c7" {
		t.Errorf("server %s, context %s", got, config.CurrentContext)
	}
	if len(config.AuthInfos["c7-somebody"].ClientKeyData) == 0 || len(config.Clusters["c7"].CertificateAuthorityData) == 0 {
		t.Error("certificates are not embedded")
	}
	for _, f := range []string{file, c.key("somebody"), c.key(clusterCA)} {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", f, info.Mode(), err)
		}
	}
}

func TestKWOKConfigurationIsFilledIn(t *testing.T) {
	c := testCluster(t)
	b, err := os.ReadFile(c.path("kwok.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kubeletVersion: v1.36.3", c.path("pods.log"), c.path("pods")} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in the configuration", want)
		}
	}
	if strings.Contains(string(b), "[[") {
		t.Error("a placeholder is left")
	}
}

func TestEverythingListensOnLoopback(t *testing.T) {
	c := testCluster(t)
	args := slices.Concat(c.etcdArgs(), c.apiServerArgs(), c.controllerManagerArgs(), c.schedulerArgs(), c.kwokArgs())
	for _, a := range args {
		if strings.Contains(a, "0.0.0.0") || strings.Contains(a, "[::]") {
			t.Errorf("%s listens on every interface", a)
		}
	}
}

func TestOrder(t *testing.T) {
	units := map[string]process.Unit{}
	for i, name := range []string{Etcd, "metrics-server", APIServer, KWOK, "velero", ControllerManager, Scheduler} {
		units[name] = process.Unit{Identity: process.Identity{Start: uint64(i)}}
	}
	want := []string{"velero", "metrics-server", KWOK, Scheduler, ControllerManager, APIServer, Etcd}
	if got := sortedForStop(units); !slices.Equal(got, want) {
		t.Errorf("stop order %v, want %v", got, want)
	}
	slices.Reverse(want)
	if got := startOrder(units); !slices.Equal(got, want) {
		t.Errorf("start order %v, want %v", got, want)
	}
}
