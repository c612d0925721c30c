package fanout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func TestWaves(t *testing.T) {
	var clusters []inventory.Cluster
	for i := range 10 {
		env := "prod"
		if i < 2 {
			env = "dev"
		}
		clusters = append(clusters, inventory.Cluster{Name: fmt.Sprintf("c%d", i), Labels: map[string]string{"env": env, "zone": fmt.Sprint(i % 2)}})
	}
	for _, test := range []struct{ waves, want string }{
		{"canary=1,25%,100%", "canary:c0 c1,c2 c3,c4,c5,c6,c7,c8,c9"},
		{"1", "c0 c1,c2,c3,c4,c5,c6,c7,c8,c9"},
		{"100%", "c0,c1,c2,c3,c4,c5,c6,c7,c8,c9"},
		{"99", "c0,c1,c2,c3,c4,c5,c6,c7,c8,c9"},
		{"1%,11%", "c0 c1 c2,c3,c4,c5,c6,c7,c8,c9"},
		{"5,25%", "c0,c1,c2,c3,c4(25%) c5,c6,c7,c8,c9"}, // a quarter have had their turn by then
		{"env=dev,50%", "c0,c1 c2,c3,c4 c5,c6,c7,c8,c9"},
		{"2,a=10%,b=20%,100%", "c0,c1(a=10%,b=20%) c2,c3,c4,c5,c6,c7,c8,c9"},
		{"c7,zone==1", "c7 c1,c3,c5,c9 c0,c2,c4,c6,c8"},
		{"c[89],1", "c8,c9(1) c0,c1,c2,c3,c4,c5,c6,c7"},
	} {
		steps, err := fanout.ParseWaves(test.waves)
		if err != nil {
			t.Errorf("%s: %v", test.waves, err)
			continue
		}
		waves, err := fanout.Waves(clusters, steps)
		if err != nil {
			t.Errorf("%s: %v", test.waves, err)
			continue
		}
		var got []string
		for _, w := range waves {
			names := make([]string, len(w.Clusters))
			for i, c := range w.Clusters {
				names[i] = c.Name
			}
			text := strings.Join(names, ",")
			if w.Name != "" {
				text = w.Name + ":" + text
			}
			if len(w.Empty) > 0 {
				text += "(" + strings.Join(w.Empty, ",") + ")"
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.waves, strings.Join(got, " "), test.want)
		}
	}
	for text, want := range map[string]string{
		"": "empty", "1,": "empty", "0": "1 or more", "-3": "1 or more", "101%": "100 %", "=1": "name is empty", "[": "pattern", "env=dev!": "env=dev!",
		"99999999999999999999": "1 or more", "5,3": "before it", "5,5": "before it", "50%,7,25%": "before it",
	} {
		if _, err := fanout.ParseWaves(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"nowhere", "env=test"} {
		steps, err := fanout.ParseWaves(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fanout.Waves(clusters, steps); err == nil {
			t.Errorf("%s: a wave without clusters was accepted", text)
		}
	}
}
