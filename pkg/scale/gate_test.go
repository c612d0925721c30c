package scale

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Nodes are removed when two looks in a row have found that all is well. A pod that was
// Ready for a moment, or a look that failed, begins anew. Where nodes stay, one is enough.
func TestUntilOpen(t *testing.T) {
	const flapped = "web has 1 of 2 Ready"
	refused := errors.New("the connection was refused")
	type look struct {
		why string
		err error
	}
	well := look{}
	for name, test := range map[string]struct {
		looks []look // the last is what all further ones find
		stay  bool   // the nodes do
		want  int    // looks; 0: it runs out of time
		said  []string
		after time.Duration
	}{
		"well all the time":     {looks: []look{well}, want: 2, after: twice},
		"well at last":          {looks: []look{{why: flapped}, well}, want: 3, said: []string{flapped}, after: 2 * twice},
		"well, and no more":     {looks: []look{well, {why: flapped}, well}, want: 4, said: []string{flapped}, after: 3 * twice},
		"a look fails between":  {looks: []look{well, {err: refused}, well}, want: 4, said: []string{refused.Error()}, after: 3 * twice},
		"the nodes stay":        {looks: []look{{why: flapped}, {err: refused}, well}, stay: true, want: 3, said: []string{flapped, refused.Error()}, after: 2 * twice},
		"well every other time": {looks: []look{well, {why: flapped}, well, {why: flapped}, well, {why: flapped}, well, {why: flapped}}, said: []string{flapped}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looked, said := 0, []string(nil)
				shut := func(context.Context) (string, error) {
					l := test.looks[min(looked, len(test.looks)-1)]
					looked++
					return l.why, l.err
				}
				began, apart := time.Now(), twice
				if test.stay {
					apart = 0
				}
				err := untilOpen(t.Context(), 20*time.Second, apart, func() <-chan struct{} { return nil }, shut, func(why string) { said = append(said, why) })
				took := time.Since(began)
				switch {
				case test.want == 0 && !IsTimeout(err):
					t.Errorf("after %d looks: %v, want it to run out of time", looked, err)
				case test.want > 0 && (err != nil || looked != test.want || took < test.after || took > test.after+twice/2):
					t.Errorf("after %d looks and %s: %v, want %d looks and %s", looked, took, err, test.want, test.after)
				}
				if !slices.Equal(said, test.said) {
					t.Errorf("said %q, want %q", said, test.said)
				}
			})
		})
	}
}

// What has changed is looked at when it has, and not a moment later.
func TestUntilOpenHearsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const soon = twice / 4
		changed := make(chan struct{})
		time.AfterFunc(soon, func() { close(changed) })
		began := time.Now()
		err := untilOpen(t.Context(), time.Minute, twice, func() <-chan struct{} { return changed }, func(context.Context) (string, error) {
			if time.Since(began) < soon {
				return "pod web has no place", nil
			}
			return "", nil
		}, func(string) {})
		if took := time.Since(began); err != nil || took > soon+twice+twice/4 {
			t.Errorf("%v after %s", err, took)
		}
	})
}
