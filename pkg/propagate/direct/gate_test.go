package direct

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// looked is a cluster that is healthy, but for what a test says, from that moment on.
type looked struct {
	began              time.Time
	unhealthy, fails   time.Duration
	restarts, warnings time.Duration // 0: never
	denied             error         // to those who may list neither pods nor events
}

func (l looked) since(at time.Duration) bool { return at > 0 && time.Since(l.began) >= at }

func (l looked) looks() Looks {
	return Looks{
		Health: func(context.Context) (Health, string, error) {
			switch {
			case l.since(l.fails):
				return Health{Total: 2, Current: 1}, "Deployment a/web failed: no", nil
			case l.since(l.unhealthy):
				return Health{Total: 2, Current: 1, Waiting: []string{"Deployment a/web: 1 of 2"}}, "", nil
			}
			return Health{Total: 2, Current: 2}, "", nil
		},
		Restarts: func(context.Context) (int, error) {
			if l.since(l.restarts) {
				return 4, l.denied
			}
			return 3, l.denied
		},
		Warnings: func(context.Context, time.Time) ([]string, error) {
			if l.since(l.warnings) {
				return []string{"BackOff: web"}, l.denied
			}
			return nil, l.denied
		},
	}
}

// Who may not list pods or events hears so where a gate depends on them, and where they
// would say more.
func TestGateOfWhoMayNotLook(t *testing.T) {
	t.Parallel()
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("no"))
	for _, tc := range []struct {
		name string
		gate Gate
		is   looked
		want error
		says string
	}{
		{"healthy at once", Gate{Timeout: time.Second}, looked{}, nil, ""},
		{"not healthy", Gate{Timeout: time.Second}, looked{unhealthy: time.Nanosecond}, &GateError{}, "its events are not known: " + denied.Error()},
		{"warnings count", Gate{Timeout: time.Second, OnWarnings: true}, looked{}, denied, ""},
		{"restarts count", Gate{Timeout: time.Minute, Bake: time.Second}, looked{}, denied, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.is.began, tc.is.denied = time.Now(), denied
				time.Sleep(time.Nanosecond)
				var last Health
				err := tc.gate.Await(t.Context(), tc.is.looks(), func(h Health) { last = h })
				if reflect.TypeOf(err) != reflect.TypeOf(tc.want) || strings.Join(last.Warnings, "") != tc.says {
					t.Errorf("%v, want %v; %q, want %q", err, tc.want, last.Warnings, tc.says)
				}
			})
		})
	}
}

// What fails a gate, and what does not.
func TestGate(t *testing.T) {
	t.Parallel()
	const bake = time.Minute
	for _, tc := range []struct {
		name string
		gate Gate
		is   looked
		want string
		late bool
	}{
		{"healthy", Gate{Timeout: bake}, looked{}, "", false},
		{"healthy in the bake", Gate{Timeout: time.Second, Bake: bake}, looked{}, "", false},
		{"what fails in the bake", Gate{Timeout: time.Second, Bake: bake}, looked{fails: 30 * time.Second}, "Deployment a/web failed: no", false},
		{"what is unhealthy in the bake, and stays so", Gate{Timeout: time.Second, Bake: bake}, looked{unhealthy: 30 * time.Second}, "not healthy within 1s: current 1/2; Deployment a/web: 1 of 2", true},
		{"a restart in the bake", Gate{Timeout: time.Second, Bake: bake}, looked{restarts: 30 * time.Second}, "containers restarted 1 times in the bake", false},
		{"restarts before it", Gate{Timeout: time.Second, Bake: bake}, looked{restarts: time.Nanosecond}, "", false},
		{"a restart, and no bake", Gate{Timeout: time.Second}, looked{restarts: time.Nanosecond}, "", false},
		{"a warning is shown alone", Gate{Timeout: time.Second, Bake: bake}, looked{warnings: 30 * time.Second}, "", false},
		{"a warning that is to count", Gate{Timeout: time.Second, Bake: bake, OnWarnings: true}, looked{warnings: 30 * time.Second}, "warning: BackOff: web", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.is.began = time.Now()
				if tc.is.restarts == time.Nanosecond || tc.is.warnings == time.Nanosecond {
					time.Sleep(time.Nanosecond)
				}
				began := time.Now()
				var last Health
				err := tc.gate.Await(t.Context(), tc.is.looks(), func(h Health) { last = h })
				says := ""
				if failed, is := errors.AsType[*GateError](err); is {
					says = failed.Error()
					if failed.TimedOut() != tc.late {
						t.Errorf("it timed out: %v", failed.TimedOut())
					}
				}
				if says != tc.want || (err == nil) != (tc.want == "") {
					t.Errorf("%v, want %q", err, tc.want)
				}
				if err == nil && time.Since(began) < tc.gate.Bake {
					t.Errorf("passed after %s", time.Since(began))
				}
				if tc.is.warnings > 0 && len(last.Warnings) == 0 && tc.want == "" {
					t.Error("the warning is not shown")
				}
			})
		})
	}
}
