package simulate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// NotModelled is what the plugins here do not know of this cluster, in sentences.
func (e *Engine) NotModelled() []string {
	out := []string{"preemption: a pod of higher priority may displace others"}
	others, claims, groups := map[string]int{}, 0, 0
	for _, p := range e.cluster.Pods {
		if name := p.Spec.SchedulerName; name != "" && name != corev1.DefaultSchedulerName {
			others[name]++
		}
		if len(p.Spec.ResourceClaims) > 0 {
			claims++
		}
		if p.Spec.SchedulingGroup != nil {
			groups++
		}
	}
	if claims > 0 {
		out = append(out, fmt.Sprintf("dynamic resources: %d pods have resource claims", claims))
	}
	if groups > 0 {
		out = append(out, fmt.Sprintf("gangs: %d pods are of pod groups", groups))
	}
	var names []string
	for name, n := range others {
		names = append(names, fmt.Sprintf("%s (%d pods)", name, n))
	}
	slices.Sort(names)
	if len(names) > 0 {
		out = append(out, "other schedulers, which may decide otherwise: "+strings.Join(names, ", "))
	}
	return append(out, "a scheduler's own profile, extenders and plugins: the default ones are taken")
}
