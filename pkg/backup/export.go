package backup

import (
	"fmt"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
)

// Schedules are plain Schedules of Velero's, one for each member, by its cluster: each
// makes Backups by its own clock, which have nothing to do with one another.
func Schedules(p *v1alpha1.BackupSchedule) (map[string]string, error) {
	texts := map[string]string{}
	for _, m := range p.Spec.Members {
		spec, err := policy.Backup(p, m)
		if err != nil {
			return nil, err
		}
		cron := p.Spec.Cron
		if p.Spec.TimeZone != "" {
			cron = "CRON_TZ=" + p.Spec.TimeZone + " " + cron
		}
		text, err := yaml.Marshal(map[string]any{
			"apiVersion": velerov1.SchemeGroupVersion.String(), "kind": "Schedule",
			"metadata": map[string]any{"name": p.Name, "namespace": p.Spec.Velero.Namespace},
			"spec":     map[string]any{"schedule": cron, "template": spec},
		})
		if err != nil {
			return nil, err
		}
		texts[m.Cluster] = string(text)
	}
	return texts, nil
}

// CronJob runs `schedule run-due` in a cluster, with a policy from a ConfigMap and a
// kubeconfig from a Secret of the same name, which whoever applies it makes. Kubernetes
// has no crons of more than one cluster: the cluster that it runs in should be no member,
// since what is lost with it is lost twice. noDeadman allows holds that only a run, or
// recover, can end: without it each run would be refused.
func CronJob(p *v1alpha1.BackupSchedule, image, namespace string, noDeadman bool) (string, error) {
	if err := deadmanless(p, noDeadman); err != nil {
		return "", err
	}
	command := []any{"kubectl-fleetbackup", "schedule", "run-due", "-f", "/policy/policy.yaml", "--yes"}
	if noDeadman {
		command = append(command, "--allow-no-deadman")
	}
	name := "fleetbackup-" + p.Name
	text, err := yaml.Marshal(p)
	if err != nil {
		return "", err
	}
	config := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": metav1.ObjectMeta{Name: name, Namespace: namespace},
		"data": map[string]any{"policy.yaml": string(text)},
	}
	zone := p.Spec.TimeZone
	if zone == "" {
		zone = "Etc/UTC"
	}
	job := map[string]any{
		"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metav1.ObjectMeta{Name: name, Namespace: namespace},
		"spec": map[string]any{
			"schedule": p.Spec.Cron, "timeZone": zone, "concurrencyPolicy": "Forbid",
			"jobTemplate": map[string]any{"spec": map[string]any{
				"backoffLimit": 0, // the next time comes; a run that died is for recover
				"template": map[string]any{"spec": map[string]any{
					"restartPolicy": "Never", "automountServiceAccountToken": false,
					"containers": []any{map[string]any{
						"name": "fleetbackup", "image": image,
						"command":         command,
						"env":             []any{map[string]any{"name": "KUBECONFIG", "value": "/kubeconfig/config"}},
						"securityContext": map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true},
						"volumeMounts": []any{
							map[string]any{"name": "policy", "mountPath": "/policy", "readOnly": true},
							map[string]any{"name": "kubeconfig", "mountPath": "/kubeconfig", "readOnly": true},
						},
					}},
					"volumes": []any{
						map[string]any{"name": "policy", "configMap": map[string]any{"name": name}},
						map[string]any{"name": "kubeconfig", "secret": map[string]any{"secretName": name}},
					},
				}},
			}},
		},
	}
	first, err := yaml.Marshal(config)
	if err != nil {
		return "", err
	}
	second, err := yaml.Marshal(job)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s---\n%s", first, second), nil
}
