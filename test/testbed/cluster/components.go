package cluster

import (
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
)

func address(p int) string { return port.Address(p) }

const (
	serviceCIDR   = "10.96.0.0/16"
	serviceIssuer = "https://kubernetes.default.svc.cluster.local"
)

// etcdArgs: without fsync a start costs no disk time. A killed etcd keeps its data (they are in the page cache); only a crash of the
// machine loses them.
func (c *Cluster) etcdArgs() []string {
	client, peer := "https://"+address(c.Ports.Etcd), "https://"+address(c.Ports.EtcdPeer)
	args := []string{
		"--name=" + c.Name, "--data-dir=" + c.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + c.Name + "=" + peer,
	}
	for _, prefix := range []string{"--", "--peer-"} {
		args = append(args, prefix+"client-cert-auth", prefix+"trusted-ca-file="+c.cert(etcdCA),
			prefix+"cert-file="+c.cert("etcd"), prefix+"key-file="+c.key("etcd"))
	}
	return args
}

// apiServerArgs: the endpoint reconciler is off because Endpoints may not hold a loopback address. Aggregator routing must stay off
// too: without it an APIService may name a Service of type ExternalName localhost, the one way to an aggregated server on loopback.
func (c *Cluster) apiServerArgs() []string {
	admission := []string{"--enable-admission-plugins=NodeRestriction"}
	if c.Hub {
		// What Karmada's own deployment has: its namespaces have no service accounts.
		admission = []string{"--disable-admission-plugins=StorageObjectInUseProtection,ServiceAccount"}
	}
	return append(append(c.EtcdArgs(), admission...),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", c.Ports.APIServer),
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--tls-cert-file="+c.cert("apiserver"), "--tls-private-key-file="+c.key("apiserver"),
		"--client-ca-file="+c.cert(clusterCA), "--authorization-mode=Node,RBAC",
		"--allow-privileged=true", "--profiling=false",
		"--service-cluster-ip-range="+serviceCIDR, "--service-account-issuer="+serviceIssuer,
		"--service-account-key-file="+c.path("pki", "service-account.pub"), "--service-account-signing-key-file="+c.key("service-account"),
		"--kubelet-client-certificate="+c.cert("kubelet-client"), "--kubelet-client-key="+c.key("kubelet-client"),
		"--kubelet-certificate-authority="+c.cert(clusterCA), "--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file="+c.cert(frontProxyCA), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+c.cert("front-proxy-client"), "--proxy-client-key-file="+c.key("front-proxy-client"),
		"--audit-policy-file="+c.path("audit.yaml"), "--audit-log-path="+c.AuditLog(),
	)
}

// EtcdArgs are how an API server, the cluster's own or an aggregated one, reaches the cluster's etcd.
func (c *Cluster) EtcdArgs() []string {
	return []string{
		"--etcd-servers=https://" + address(c.Ports.Etcd), "--etcd-cafile=" + c.cert(etcdCA),
		"--etcd-certfile=" + c.cert("etcd-client"), "--etcd-keyfile=" + c.key("etcd-client"),
	}
}

// hubControllers are those of Karmada's own deployment of kube-controller-manager.
const hubControllers = "namespace,garbagecollector,serviceaccount-token-controller,ttl-after-finished-controller,bootstrap-signer-controller," +
	"token-cleaner-controller,certificatesigningrequest-cleaner-controller,certificatesigningrequest-signing-controller,clusterrole-aggregation-controller"

// controllerManagerArgs: a single one needs no election, and its own port (metrics, health) nobody reads. The client limits of a real
// cluster would make bulk work wait for nothing.
func (c *Cluster) controllerManagerArgs() []string {
	controllers := "*"
	if c.Hub {
		controllers = hubControllers
	}
	return []string{
		"--kubeconfig=" + c.kubeconfig("controller-manager"), "--leader-elect=false", "--secure-port=0",
		"--authentication-skip-lookup=true", "--use-service-account-credentials=true", "--controllers=" + controllers,
		"--service-account-private-key-file=" + c.key("service-account"), "--root-ca-file=" + c.cert(clusterCA),
		"--cluster-signing-cert-file=" + c.cert(clusterCA), "--cluster-signing-key-file=" + c.key(clusterCA),
		"--kube-api-qps=500", "--kube-api-burst=1000", "--profiling=false",
	}
}

func (c *Cluster) schedulerArgs() []string {
	return []string{"--config=" + c.path("scheduler.yaml"), "--secure-port=0", "--authentication-skip-lookup=true"}
}

func (c *Cluster) schedulerConfig() string {
	return fmt.Sprintf(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: %q, qps: 500, burst: 1000}
`, c.kubeconfig("scheduler"))
}

// manageAll has KWOK take every node for its own.
const manageAll = "--manage-all-nodes"

func (c *Cluster) kwokArgs() []string {
	return []string{
		"--config=" + c.path("kwok.yaml"), "--kubeconfig=" + c.kubeconfig("kwok"), manageAll,
		"--node-ip=127.0.0.1", fmt.Sprintf("--node-port=%d", c.Ports.KWOK), "--server-address=" + address(c.Ports.KWOK),
		"--tls-cert-file=" + c.cert("kubelet"), "--tls-private-key-file=" + c.key("kubelet"),
		"--node-lease-duration-seconds=40", "--v=ERROR",
	}
}
