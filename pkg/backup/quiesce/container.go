package quiesce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// container holds still what runs in containers, by commands.
type container struct {
	run     Run
	member  *member.Member
	action  v1alpha1.ExecAction
	timeout time.Duration
}

func (c container) freeze(ctx context.Context, h *v1alpha1.Hold) error {
	ctx, cancel := context.WithTimeout(ctx, 2*c.timeout+slack)
	defer cancel()
	now, err := c.look(ctx, *h)
	if err != nil {
		return err
	}
	h.ContainerID, h.Restarts = now.ContainerID, now.RestartCount
	h.TTLSeconds = int(c.run.ttl() / time.Second)
	said, err := c.ask(ctx, *h, roleArm, c.script(*h))
	if at, is := said.word(wordArmed); is {
		h.State, h.Path = v1alpha1.HoldArmed, at
	}
	if rest, is := said.word(wordLacks); is {
		return remedied("name a container of the pod that has "+rest+", such as a sidecar, or hold by scale or patch", "the container lacks %s", rest)
	}
	if why, is := said.unfrozen(); is {
		return errors.New(why)
	}
	if said.has(wordFrozen) {
		return nil
	}
	return c.silent(said, err)
}

func (c container) check(ctx context.Context, h *v1alpha1.Hold) error {
	said, err := c.ask(ctx, *h, roleCheck, c.script(*h))
	if why, is := said.ended(); is {
		return &BrokenError{what(*h), why}
	}
	if why, is := said.unfrozen(); is {
		return &BrokenError{what(*h), why}
	}
	frozen := said.has(wordFrozen)
	// Looked at after it was asked: that it is the same now says that it was then.
	if err := c.same(ctx, *h); err != nil || frozen {
		return err
	}
	return c.silent(said, err)
}

func (c container) release(ctx context.Context, h *v1alpha1.Hold) (done bool, err error) {
	said, err := c.ask(ctx, *h, roleFree, c.script(*h))
	token, released := said.word(wordReleased)
	why, over := said.ended()
	if !over {
		// Nothing of it runs any more if the container does not.
		if gone, is := errors.AsType[*BrokenError](c.same(ctx, *h)); is {
			broken(h, "%s", gone.Why)
			return true, nil
		}
		if why, is := said.unfrozen(); is {
			return false, errors.New(why)
		}
		return false, c.silent(said, err)
	}
	probed := len(c.action.Probe) > 0 && !c.run.rehearses
	code, unthawed := said.word(wordUnthawed)
	switch {
	case said.has(wordHeld):
		return false, errors.New(said.with("the probe says that it is still"))
	case unthawed && (!probed || err != nil):
		return false, errors.New(said.with("the release ended with exit code " + code))
	case !unthawed && !said.has(wordThawed):
		return false, c.silent(said, err)
	}
	if released && token == c.run.Token {
		h.State = v1alpha1.HoldReleased
		if unthawed {
			h.Why = said.with("the release ended with exit code " + code + ", but the probe says that it is not still")
		}
		return true, nil
	}
	broken(h, "%s", why)
	return true, nil
}

// rehearse arms, watches and releases, in the container, a hold that holds nothing. The probe must know the difference.
func (c container) rehearse(ctx context.Context, h v1alpha1.Hold) error {
	probe := c.script(h).probe
	c.run.Name += "-rehearsal"
	c.run.rehearses = true
	ended := func(err error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout+slack)
		defer cancel()
		if _, unreleased := c.release(ctx, &h); err == nil {
			err = unreleased
		}
		return err
	}
	if err := c.freeze(ctx, &h); err != nil {
		return ended(err)
	}
	s := c.script(h)
	s.probe = probe
	said, err := c.ask(ctx, h, roleCheck, s)
	rest, probed := said.word(wordUnfrozen)
	switch {
	case said.has(wordFrozen) && len(s.probe) > 0:
		err = remedied("release it, or mend the probe: it must fail while nothing is held", "its probe says that it is still already")
	case said.has(wordFrozen):
		err = nil
	case probed && (strings.HasSuffix(rest, " 126") || strings.HasSuffix(rest, " 127")):
		err = remedied("mend the probe: the container does not run its command", "%s", said.with("its probe does not run"))
	case probed:
		err = nil
	default:
		err = c.silent(said, err)
	}
	if err = ended(err); err == nil && h.State != v1alpha1.HoldReleased {
		err = errors.New(h.Why)
	}
	return err
}

func (c container) script(h v1alpha1.Hold) script {
	s := script{
		run: c.run.Name, token: c.run.Token, place: place(h), roots: [2]string{"/dev/shm", "/tmp"},
		ttl: c.run.ttl(), timeout: c.timeout,
		freeze: c.action.Freeze, release: c.action.Release, rehearses: c.run.rehearses,
	}
	if c.action.Hold != "" {
		s.roots = [2]string{c.action.Hold, c.action.Hold}
	}
	if !c.run.rehearses {
		s.probe = c.action.Probe
	}
	return s
}

// ask runs the text in the container. The exit code is not looked at: a container runtime that has just restarted says 0 of what it
// has not run.
func (c container) ask(ctx context.Context, h v1alpha1.Hold, role string, s script) (*answer, error) {
	said := &answer{run: s.run}
	options := corev1.PodExecOptions{Container: h.Container, Command: s.command(role), Stdout: true, Stderr: true}
	return said, c.member.Exec(ctx, h.Namespace, h.Name, options, remotecommand.StreamOptions{Stdout: &said.words, Stderr: &said.noises})
}

// silent is the error of a target that has not said what it was asked for.
func (container) silent(said *answer, err error) error {
	if err == nil {
		return errors.New(said.with("the container has said nothing of it"))
	}
	if noise := said.noise(); noise != "" {
		return fmt.Errorf("%w: %s", err, noise)
	}
	return err
}

// same is a *BrokenError if it is not the same container any more, and another error if that is not known.
func (c container) same(ctx context.Context, h v1alpha1.Hold) error {
	now, err := c.look(ctx, h)
	switch {
	case err != nil:
		return err
	case now.ContainerID != h.ContainerID || now.RestartCount != h.Restarts:
		return &BrokenError{what(h), "the container has restarted"}
	}
	return nil
}

// look reads the status of the container. One that does not run is a *BrokenError.
func (c container) look(ctx context.Context, h v1alpha1.Hold) (*corev1.ContainerStatus, error) {
	object, err := c.member.Object(ctx, member.Pods(), h.Namespace, h.Name)
	if member.IsObjectNotFound(err) || err == nil && object.GetUID() != h.UID {
		return nil, &BrokenError{what(h), "the pod is gone"}
	}
	if err != nil {
		return nil, err
	}
	p, err := asPod(object)
	if err != nil {
		return nil, err
	}
	return runs(p, h.Container)
}

// runs finds a container of a pod that runs.
func runs(p *corev1.Pod, name string) (*corev1.ContainerStatus, error) {
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) { // a sidecar is one of these
		if s.Name != name {
			continue
		}
		if s.State.Running == nil {
			break
		}
		return &s, nil
	}
	return nil, &BrokenError{fmt.Sprintf("container %s of pod %s/%s", name, p.Namespace, p.Name), "the container does not run"}
}
