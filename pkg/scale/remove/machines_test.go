package remove

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"
)

// lowering is a remover of the fake's Machines, and a step by which c goes.
func lowering(t *testing.T, scaled func(f *fake, deployment map[string]any) (code int, hangUp bool)) (*fake, *ClusterAPI, *Step) {
	t.Helper()
	f, m := newFake(t)
	f.scaled = scaled
	r := &ClusterAPI{Member: m, Management: m, Patience: 100 * time.Millisecond}
	steps, err := r.Begin(t.Context(), []Node{{Name: "n-c", UID: "uid-n-c"}})
	if err != nil || len(steps) != 1 || steps[0].From != 3 || steps[0].To != 2 {
		t.Fatalf("steps: %+v, %v", steps, err)
	}
	steps[0].Run = "run"
	return f, r, steps[0]
}

// want checks what is left of a step.
func (f *fake) want(t *testing.T, count int64, marked ...string) {
	t.Helper()
	if is := f.marked(); f.count() != count || !slices.Equal(is, marked) {
		t.Errorf("the count is %v, and marked are %v; want %d, %v", f.count(), is, count, marked)
	}
}

// The controller deletes another Machine: the count is put back, and it is said.
func TestAnotherMachineGoes(t *testing.T) {
	f, r, step := lowering(t, func(f *fake, _ map[string]any) (int, bool) {
		f.goes("a")
		return 0, false
	})
	err := r.Remove(t.Context(), step)
	if _, wrong := errors.AsType[*WrongError](err); !wrong {
		t.Errorf("%v, want it to be said", err)
	}
	f.want(t, 3)
}

// Nobody acts on the count: all is as before, and it can be tried again.
func TestNoMachineGoes(t *testing.T) {
	f, r, step := lowering(t, func(*fake, map[string]any) (int, bool) { return 0, false })
	err := r.Remove(t.Context(), step)
	if _, wrong := errors.AsType[*WrongError](err); err == nil || wrong {
		t.Errorf("%v, want an error that says nothing of another Machine", err)
	}
	f.want(t, 3)
	f.scaled = func(f *fake, _ map[string]any) (int, bool) {
		f.goes("c")
		return 0, false
	}
	if err := r.Remove(t.Context(), step); err != nil {
		t.Error(err)
	}
	f.want(t, 2, "c")
}

// The owner's status is written meanwhile: its count is lowered all the same, once.
func TestStatusIsWrittenMeanwhile(t *testing.T) {
	f, r, step := lowering(t, func(f *fake, _ map[string]any) (int, bool) {
		if f.scales == 1 {
			f.touch(space + "machinedeployments/md")
			return 0, false
		}
		f.goes("c")
		return 0, false
	})
	if err := r.Remove(t.Context(), step); err != nil {
		t.Error(err)
	}
	if f.scales != 2 {
		t.Errorf("scaled %d times", f.scales)
	}
	f.want(t, 2, "c")
}

// The owner's count is changed meanwhile: it is left, and the marks go.
func TestCountIsChangedMeanwhile(t *testing.T) {
	f, r, step := lowering(t, func(f *fake, _ map[string]any) (int, bool) {
		f.replicas(7)
		return 0, false
	})
	err := r.Remove(t.Context(), step)
	if _, refused := errors.AsType[*ChangedError](err); !refused {
		t.Errorf("%v, want it refused", err)
	}
	f.want(t, 7)
}

// Somebody comes while the Machines are marked, before the count is written: what he
// wants is left, even though the count is written to the object as it is by then.
func TestSomebodyComesAfterTheMark(t *testing.T) {
	for name, test := range map[string]struct {
		comes  func(f *fake)
		count  int64
		marked []string
	}{
		"and changes the count": {func(f *fake) { f.replicas(7) }, 7, nil},
		"and marks another":     {func(f *fake) { f.mark("a", "theirs") }, 3, []string{"a"}},
		"and lets another go":   {func(f *fake) { f.goes("a") }, 3, nil},
		"and lowers it himself": {func(f *fake) { f.replicas(2) }, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f, r, step := lowering(t, nil)
			f.patched = func(f *fake) {
				f.patched = nil
				test.comes(f)
			}
			err := r.Remove(t.Context(), step)
			if _, refused := errors.AsType[*ChangedError](err); !refused || f.scales != 0 {
				t.Errorf("%v after it was scaled %d times, want it refused before", err, f.scales)
			}
			f.want(t, test.count, test.marked...)
		})
	}
}

// The answer is lost: the marks stay, since the count may be lowered, and who resumes
// finds that it is.
func TestAnswerIsLost(t *testing.T) {
	f, r, step := lowering(t, func(_ *fake, deployment map[string]any) (int, bool) {
		deployment["spec"].(map[string]any)["replicas"] = int64(2)
		return 0, true
	})
	if err := r.Remove(t.Context(), step); err == nil {
		t.Error("no error")
	}
	f.want(t, 2, "c")
	f.mu.Lock()
	f.goes("c")
	f.mu.Unlock()
	if err := r.Remove(t.Context(), step); err != nil {
		t.Error(err)
	}
	if f.scales != 1 {
		t.Errorf("scaled %d times", f.scales)
	}
	f.want(t, 2, "c")
}

// The server says no: the marks go.
func TestMayNotScale(t *testing.T) {
	f, r, step := lowering(t, func(*fake, map[string]any) (int, bool) { return http.StatusForbidden, false })
	if err := r.Remove(t.Context(), step); err == nil || f.scales != 1 {
		t.Errorf("%v after %d times", err, f.scales)
	}
	f.want(t, 3)
}
