package stack

import (
	"fmt"
	"strings"
)

// Program is one binary to be built.
type Program struct {
	// Name is the file's name, such as kube-apiserver.
	Name string
	// Package is the main package's import path.
	Package string
	// Stack is the module it is built in.
	Stack Stack
	// Version is what the program says of itself; empty when it needs no telling.
	Version string
	// Folder is a folder of the module Package, copied as it is: there is nothing to build. Name is the copy's name.
	Folder string
	// CGO: part of it is in C, and a compiler is needed.
	CGO bool
	// ldflags set variables that a program's own build sets, its version above all.
	ldflags string
}

// ControlPlane lists what a cluster of one Kubernetes version runs of its own.
func ControlPlane(root, version string) ([]Program, error) {
	s, v, err := Kubernetes(root, version)
	if err != nil {
		return nil, err
	}
	var programs []Program
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		programs = append(programs, kubernetesProgram(s, v, name))
	}
	return programs, nil
}

// Common lists what clusters of every version share: etcd, kwok and kubectl.
func Common(root string) ([]Program, error) {
	s, v, err := Kubernetes(root, "")
	if err != nil {
		return nil, err
	}
	kwok, err := s.Version("sigs.k8s.io/kwok")
	if err != nil {
		return nil, err
	}
	return []Program{
		{Name: "etcd", Package: "go.etcd.io/etcd/server/v3", Stack: s},
		{Name: "kwok", Package: "sigs.k8s.io/kwok/cmd/kwok", Stack: s, Version: kwok, ldflags: "-X sigs.k8s.io/kwok/pkg/consts.Version=" + kwok},
		kubernetesProgram(s, v, "kubectl"),
	}, nil
}

// Kubelet is that of the default Kubernetes.
func Kubelet(root string) (Program, error) {
	s, v, err := Kubernetes(root, "")
	return kubernetesProgram(s, v, "kubelet"), err
}

func kubernetesProgram(s Stack, version, name string) Program {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const pkg = "k8s.io/component-base/version"
	return Program{
		Name: name, Package: kubernetes + "/cmd/" + name, Stack: s, Version: version,
		ldflags: fmt.Sprintf("-X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s", pkg, version, pkg, major, pkg, minor),
	}
}
