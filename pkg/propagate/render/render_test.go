package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

const (
	deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 3, template: {spec: {containers: [{name: web, image: "nginx:1.8"}]}}}}`
	service    = `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}`
	autoscaler = `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`
)

// clusters are east and west; east has labels, and a context of another name.
func clusters() []inventory.Cluster {
	return []inventory.Cluster{
		{Name: "east", Context: "admin@east", Labels: map[string]string{"region": "us", "topology.kubernetes.io/zone": "a"}},
		{Name: "west"},
	}
}

type flags struct {
	overrides, images []string
	registry, weights string
	total             int64
}

func (f flags) request(t *testing.T, documents ...string) render.Request {
	t.Helper()
	objects, err := manifest.Parse("f.yaml", []byte("---\n"+strings.Join(documents, "\n---\n")))
	if err != nil {
		t.Fatal(err)
	}
	r := render.Request{Clusters: clusters(), Objects: objects}
	for _, text := range f.overrides {
		o, err := render.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Overrides = append(r.Overrides, o)
	}
	for _, text := range f.images {
		c, err := render.ParseImageChange(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Images = append(r.Images, c)
	}
	if f.registry != "" {
		if r.Registry, err = render.ParseRegistry(f.registry); err != nil {
			t.Fatal(err)
		}
	}
	if f.weights != "" {
		if r.Division.Weights, err = weight.Parse(f.weights); err != nil {
			t.Fatal(err)
		}
	}
	if f.total > 0 {
		r.Division.Total = &f.total
	}
	return r
}

// document is an object as the YAML library writes it.
func document(t *testing.T, text string) string {
	t.Helper()
	objects, err := manifest.Parse("want", []byte("---\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(objects[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRender(t *testing.T) {
	tests := []struct {
		name  string
		flags flags
		input []string
		// want is the first object of each cluster; "" is the input's.
		east, west string
		notes      []string
	}{
		{name: "as it is", input: []string{deployment}},
		{
			name: "override", flags: flags{overrides: []string{"west:/spec/template/spec/priorityClassName=low"}}, input: []string{deployment, service},
			west: strings.Replace(deployment, "{spec: {containers", "{spec: {priorityClassName: low, containers", 1),
		},
		{
			name: "override of one named, with what is missing", flags: flags{overrides: []string{"admin@east:deploy/web:/metadata/labels/a~1b=${cluster.label.region}"}}, input: []string{deployment, service},
			east: strings.Replace(deployment, "{name: web}", "{name: web, labels: {a/b: us}}", 1),
		},
		{
			name: "override by globs", flags: flags{overrides: []string{"*:*/w*:/metadata/labels/x=one"}}, input: []string{deployment, service},
			east: strings.Replace(deployment, "{name: web}", "{name: web, labels: {x: one}}", 1),
			west: strings.Replace(deployment, "{name: web}", "{name: web, labels: {x: one}}", 1),
		},
		{
			name: "override takes away and appends", flags: flags{overrides: []string{
				"west:/spec/replicas=null", "west:deployment.apps/web:/spec/template/spec/containers/-={name: side, image: s}", "^east,*:deployment/web:/spec/template/spec/containers/0/image=a:b=c",
			}},
			input: []string{deployment, service},
			west:  `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: web, image: "a:b=c"}, {name: side, image: s}]}}}}`,
		},
		{
			name: "variables, and what is none", input: []string{`{apiVersion: v1, kind: ConfigMap, metadata: {name: "c-${cluster.name}"}, data: {a: "${HOME} $${X} $$${cluster.name} ${cluster.name}${cluster.name} $(cluster.name)"}}`},
			east: `{apiVersion: v1, kind: ConfigMap, metadata: {name: c-east}, data: {a: "${HOME} $${X} $${cluster.name} easteast $(cluster.name)"}}`,
			west: `{apiVersion: v1, kind: ConfigMap, metadata: {name: c-west}, data: {a: "${HOME} $${X} $${cluster.name} westwest $(cluster.name)"}}`,
		},
		{
			name: "images of all sorts", flags: flags{images: []string{"nginx=quay.io/x/n:2", "quay.io/a@sha256:" + strings.Repeat("a", 64)}},
			input: []string{`{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: r}, spec: {template: {spec: {initContainers: [{image: "docker.io/library/nginx:1"}], containers: [{image: nginx}, {image: nginx-x}], ephemeralContainers: [{image: "quay.io/a:1"}], volumes: [{image: {reference: nginx}}]}}}}`},
			east:  `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: r}, spec: {template: {spec: {initContainers: [{image: "quay.io/x/n:2"}], containers: [{image: "quay.io/x/n:2"}, {image: nginx-x}], ephemeralContainers: [{image: "quay.io/a@sha256:` + strings.Repeat("a", 64) + `"}], volumes: [{image: {reference: "quay.io/x/n:2"}}]}}}}`,
			west:  `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: r}, spec: {template: {spec: {initContainers: [{image: "quay.io/x/n:2"}], containers: [{image: "quay.io/x/n:2"}, {image: nginx-x}], ephemeralContainers: [{image: "quay.io/a@sha256:` + strings.Repeat("a", 64) + `"}], volumes: [{image: {reference: "quay.io/x/n:2"}}]}}}}`,
		},
		{
			name: "a registry has all images, also those of overrides", flags: flags{registry: "mirror.example/p/", overrides: []string{"west:/spec/containers/0/image=registry.k8s.io/pause:3"}},
			input: []string{`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: nginx}, {image: "u/v:1"}, {image: "localhost:5000/x"}, {image: mirror.example/p/y}]}}`},
			east:  `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: mirror.example/p/library/nginx}, {image: "mirror.example/p/u/v:1"}, {image: "mirror.example/p/x"}, {image: mirror.example/p/y}]}}`,
			west:  `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: "mirror.example/p/pause:3"}, {image: "mirror.example/p/u/v:1"}, {image: "mirror.example/p/x"}, {image: mirror.example/p/y}]}}`,
		},
		{
			name: "weights, of what the manifest says", flags: flags{weights: "west=2,admin@east=1"}, input: []string{deployment},
			east: strings.Replace(deployment, "replicas: 3", "replicas: 1", 1), west: strings.Replace(deployment, "replicas: 3", "replicas: 2", 1),
		},
		{
			name: "no weight is none", flags: flags{weights: "west=1,admin@east=0", total: 7}, input: []string{deployment},
			east: strings.Replace(deployment, "replicas: 3", "replicas: 0", 1), west: strings.Replace(deployment, "replicas: 3", "replicas: 7", 1),
		},
		{
			name: "an autoscaler has them", flags: flags{weights: "east=1"}, input: []string{deployment, autoscaler},
			east: strings.Replace(deployment, "replicas: 3, ", "", 1), west: strings.Replace(deployment, "replicas: 3, ", "", 1),
			notes: []string{"Deployment web: a HorizontalPodAutoscaler has its replicas: they are not divided, and left as they are"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := test.flags.request(t, test.input...)
			before := document(t, test.input[0])
			result, err := render.Render(request)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []string{test.east, test.west} {
				if want == "" {
					want = test.input[0]
				}
				got, err := yaml.Marshal(result.Clusters[i].Objects[0].Object)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(document(t, want), string(got)); diff != "" {
					t.Errorf("%s: %s", result.Clusters[i].Name, diff)
				}
			}
			if diff := cmp.Diff(test.notes, result.Notes); diff != "" {
				t.Error(diff)
			}
			if after, err := yaml.Marshal(request.Objects[0].Object); err != nil || string(after) != before {
				t.Errorf("the input is now\n%s", after)
			}
		})
	}
}

func TestRenderErrors(t *testing.T) {
	tests := []struct {
		name  string
		flags flags
		input []string
		want  string
	}{
		{name: "no such cluster", flags: flags{overrides: []string{"wset:/spec/x=1"}}, input: []string{deployment}, want: `--override "wset:/spec/x=1": no cluster is called "wset"; did you mean west?`},
		{name: "no cluster by a glob", flags: flags{overrides: []string{"x*:/spec/x=1"}}, input: []string{deployment}, want: `--override "x*:/spec/x=1": it is for none of the clusters, which are east, west`},
		{name: "no object", flags: flags{overrides: []string{"west:sts/web:/spec/x=1"}}, input: []string{deployment}, want: `--override "west:sts/web:/spec/x=1": none of the objects is sts/web`},
		{name: "another group", flags: flags{overrides: []string{"west:deployment.batch/web:/spec/x=1"}}, input: []string{deployment}, want: `--override "west:deployment.batch/web:/spec/x=1": none of the objects is deployment.batch/web`},
		{name: "no such field to take away", flags: flags{overrides: []string{"west:deploy/web:/spec/x=null"}}, input: []string{deployment}, want: `--override "west:deploy/web:/spec/x=null": no deploy/web has the field`},
		{name: "nowhere to put it", flags: flags{overrides: []string{"west:/sepc/replicas=1"}}, input: []string{deployment}, want: `--override "west:/sepc/replicas=1": none of the objects has the field, nor what it would be in: name the object, CLUSTERS:TYPE/NAME:/sepc/replicas`},
		{name: "several objects", flags: flags{overrides: []string{"west:/spec/x=1"}}, input: []string{deployment, service}, want: `--override "west:/spec/x=1": several objects may be meant, deployment/web, service/web: say which, as in CLUSTERS:deployment/web:/spec/x`},
		{name: "no such item", flags: flags{overrides: []string{"west:/spec/template/spec/containers/1/image=x"}}, input: []string{deployment}, want: `--override "west:/spec/template/spec/containers/1/image=x": none of the objects has the field, nor what it would be in: name the object, CLUSTERS:TYPE/NAME:/spec/template/spec/containers/1/image`},
		{name: "no such item of one named", flags: flags{overrides: []string{"west:deploy/web:/spec/template/spec/containers/1/image=x"}}, input: []string{service, deployment}, want: `--override "west:deploy/web:/spec/template/spec/containers/1/image=x": f.yaml:4: Deployment web: spec: template: spec: containers: 1 is not one of its 1 items, which are counted from 0`},
		{name: "below a number", flags: flags{overrides: []string{"west:deploy/web:/spec/replicas/x=1"}}, input: []string{deployment}, want: `--override "west:deploy/web:/spec/replicas/x=1": f.yaml:2: Deployment web: spec: replicas: it is 3, and has nothing below`},
		{name: "a variable in an override", flags: flags{overrides: []string{"west:/spec/replicas=${cluster.label.n}"}}, input: []string{deployment}, want: `--override "west:/spec/replicas=${cluster.label.n}": ${cluster.label.n}: west has no labels`},
		{name: "override of what is divided", flags: flags{overrides: []string{"west:/spec/replicas=1"}, weights: "east=1,west=1"}, input: []string{deployment}, want: `--override "west:/spec/replicas=1" sets the replicas of Deployment web in west, and they are divided among the clusters: take one of them out`},
		{name: "override of all that is divided", flags: flags{overrides: []string{"west:/spec={template: {}}"}, weights: "east=1,west=1"}, input: []string{deployment}, want: `--override "west:/spec={template: {}}" sets the replicas of Deployment web in west, and they are divided among the clusters: take one of them out`},
		{name: "unknown variable", input: []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: ${cluster.nmae}"}, want: `f.yaml:6: data.a: ${cluster.nmae} is unknown; there are ${cluster.name} and ${cluster.label.KEY}`},
		{name: "unknown label", input: []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: ${cluster.label.x}"}, want: `f.yaml:6: data.a: ${cluster.label.x}: east has no such label; it has region, topology.kubernetes.io/zone`},
		{name: "a variable without an end", input: []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: ${cluster.name"}, want: `f.yaml:6: data.a: ${cluster.name has no closing }`},
		{name: "a variable in a key", input: []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  ${cluster.name}: x"}, want: `f.yaml:6: data.${cluster.name}: a variable cannot be in the name of a field`},
		{
			name: "one object twice", input: []string{`{apiVersion: v1, kind: ConfigMap, metadata: {name: "${cluster.name}"}}`, `{apiVersion: v1, kind: ConfigMap, metadata: {name: west}}`},
			want: `f.yaml:4: ConfigMap west is written twice; first at f.yaml:2, for west`,
		},
		{name: "no such image", flags: flags{images: []string{"ngin=x:1"}}, input: []string{deployment}, want: `--image "ngin=x:1": none of the objects has it`},
		{name: "no image", flags: flags{registry: "m.example"}, input: []string{"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - image: NGINX"}, want: `f.yaml:7: spec.containers[0].image: "NGINX" is no image: invalid reference format: repository name (library/NGINX) must be lowercase`},
		{
			name: "one place in the registry", flags: flags{registry: "m.example"}, input: []string{`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: quay.io/a/b}, {image: ghcr.io/a/b}]}}`},
			want: `--image-registry: quay.io/a/b and ghcr.io/a/b would both be m.example/a/b: give one of them another name with --image`,
		},
		{name: "weight of another cluster", flags: flags{weights: "north=1"}, input: []string{deployment}, want: `--weight: a weight is for north, which is not selected; the clusters are east, west`},
		{name: "two weights of one", flags: flags{weights: "east=1,admin@east=1"}, input: []string{deployment}, want: `--weight: east has two weights`},
		{name: "nothing to divide", flags: flags{weights: "east=1"}, input: []string{service}, want: `--weight: there is nothing to divide: none of the objects is a Deployment, StatefulSet or ReplicaSet`},
		{name: "weights of nothing", flags: flags{weights: "east=0,west=0"}, input: []string{deployment}, want: `--weight: Deployment web: 3 replicas, and no cluster with a weight above 0`},
		{name: "replicas of letters", flags: flags{weights: "east=1"}, input: []string{strings.Replace(deployment, "3", "x", 1)}, want: `f.yaml:2: spec.replicas: x is no number of replicas`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := render.Render(test.flags.request(t, test.input...))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// Replicas that differ from cluster to cluster are no total.
func TestDivideOwn(t *testing.T) {
	r := flags{weights: "east=1,west=1"}.request(t, deployment)
	r.Own = map[string][]manifest.Object{
		"east": r.Objects,
		"west": flags{}.request(t, strings.Replace(deployment, "replicas: 3", "replicas: 5", 1)).Objects,
	}
	_, err := render.Render(r)
	const want = "Deployment web has 3 replicas for east and 5 for west: say with --replicas what is divided"
	if err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	total := int64(9)
	r.Division.Total = &total
	result, err := render.Render(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Clusters {
		// 9 to two of one weight: the first by name has the odd one.
		want := map[string]int64{"east": 5, "west": 4}[c.Name]
		if got := c.Replicas[0]; got.Replicas != want || got.Total != 9 || !got.Tied {
			t.Errorf("%s: %+v, want %d of 9, tied", c.Name, got, want)
		}
	}
}

// Which fields an override changes is said with what they are then; of Secrets, hashes.
func TestOverridden(t *testing.T) {
	r := flags{overrides: []string{
		`west:configmap/c:/data/a~1b=bye`, `west:configmap/c:/data/a~1b=good bye`, "west:configmap/c:/data/gone=null",
		"west:pod/p:/spec/containers/0/args/-=-v", "west:secret/s:/stringData/password=hunter2",
	}}.request(t,
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a/b: hello, gone: x}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: p, args: [-q]}]}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: secret}}")
	result, err := render.Render(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Clusters {
		var got []string
		for _, o := range c.Overridden {
			got = append(got, fmt.Sprintf("%s %s %v", o.Object.GetKind(), o.Field, o.Value))
		}
		var want []string
		if c.Name == "west" {
			want = []string{"ConfigMap /data/a~1b good bye", "ConfigMap /data/gone <nil>", "Pod /spec/containers/0/args/- -v", "Secret /stringData/password sha256:f52fbd32b2b3"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
		for _, o := range c.Objects {
			if o.GetKind() == "Secret" && strings.Contains(fmt.Sprint(o.Object), "sha256:") {
				t.Errorf("%s: what is shown is what is brought: %v", c.Name, o.Object)
			}
		}
	}
}
