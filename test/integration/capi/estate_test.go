package capi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate/machines"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// patience ends a wait for controllers. It is no measure of speed.
const patience = 3 * time.Minute

// access is a cluster that is reached as its administrator.
type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) { return a.config, nil }

// estate is a bed with Cluster API in its first cluster.
type estate struct {
	*machines.Management

	members map[string]*member.Member
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{Management: machines.New(t, testfleet.With(t, capi.Addon{})), members: map[string]*member.Member{}}
	for _, name := range e.Fleet.Clusters() {
		e.members[name] = e.member(t, name)
	}
	return e
}

// member is a way to a cluster that remembers nothing.
func (e *estate) member(t *testing.T, cluster string) *member.Member {
	t.Helper()
	return memberAt(t, cluster, e.Fleet.RESTConfig(t, cluster))
}

func memberAt(t *testing.T, name string, config *rest.Config) *member.Member {
	t.Helper()
	m, err := member.NewPool(member.Options{}).Member(t.Context(), inventory.Cluster{Name: name, Server: config.Host, Access: access{config}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// remover removes nodes of a cluster whose machines are kept in c1.
func (e *estate) remover(cluster string) *remove.ClusterAPI {
	return &remove.ClusterAPI{Member: e.members[cluster], Management: e.members["c1"], Patience: patience}
}

// begin makes the only step by which nodes go.
func begin(t *testing.T, r remove.Remover, nodes ...*corev1.Node) *remove.Step {
	t.Helper()
	var leaving []remove.Node
	for _, n := range nodes {
		leaving = append(leaving, remove.Node{Name: n.Name, UID: n.UID})
	}
	steps, err := r.Begin(t.Context(), leaving)
	if err != nil || len(steps) != 1 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	steps[0].Run = strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	return steps[0]
}

// again is a step as a journal gives it back that was written before it was done.
func again(t *testing.T, s *remove.Step) *remove.Step {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	copied := &remove.Step{}
	if err := json.Unmarshal(text, copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

func (*estate) confirm(t *testing.T, r remove.Remover, s *remove.Step) {
	t.Helper()
	estates.Eventually(t, "the nodes are gone", func() error {
		p, err := r.Confirm(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Gone {
			return errors.New(p.Waiting)
		}
		return nil
	})
}

func claim(t *testing.T, r remove.Remover, nodes []*corev1.Node) remove.Claims {
	t.Helper()
	c, err := r.Claim(t.Context(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantBlocked is an error unless all nodes are blocked for one reason.
func wantBlocked(t *testing.T, r remove.Remover, nodes []*corev1.Node, reason string) {
	t.Helper()
	c := claim(t, r, nodes)
	if len(c.Blocked) != len(nodes) || len(c.Owners) != 0 {
		t.Errorf("blocked: %v; owned: %v", c.Blocked, c.Owners)
	}
	for name, b := range c.Blocked {
		if b.Reason != reason || b.Fix == "" {
			t.Errorf("%s is blocked: %+v, want %s and what to do", name, b, reason)
		}
	}
}

func uids(nodes []*corev1.Node) map[string]types.UID {
	all := map[string]types.UID{}
	for _, n := range nodes {
		all[n.Name] = n.UID
	}
	return all
}
