package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// showRendered prints what each cluster would get, or the images of it.
func (o *propagateOptions) showRendered(ctx context.Context, objects []manifest.Object) error {
	choose := o.clusters.SelectUnasked
	if r := o.render.request; r.ByFree() || r.Policies != nil && len(r.Policies.Hardware()) > 0 {
		choose = o.clusters.Select
	}
	selection, err := choose(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	asked := len(selection.Clusters)
	var failures []fanout.Failure
	selection.Clusters, failures = withoutAccess(ctx, selection)
	rendered, err := o.rendered(ctx, selection, objects)
	if err != nil {
		return err
	}
	if o.render.listImages {
		err = o.printImages(rendered, failures)
	} else {
		err = o.printObjects(rendered, failures)
	}
	o.env.SayFailures(failures)
	if verdict := cli.Verdict(asked, failures); verdict != nil {
		verdict.Err = err
		return verdict
	}
	return err
}

// withoutAccess takes out what is known to be no cluster, such as a hub that does
// not list any.
func withoutAccess(ctx context.Context, selection cli.Selection) (known []inventory.Cluster, failures []fanout.Failure) {
	for _, c := range selection.Clusters {
		if _, none := c.Access.(inventory.NoAccess); none {
			if _, err := selection.Members.Member(ctx, c); err != nil {
				failures = append(failures, fanout.Failure{Cluster: c.Name, Inventory: c.Provider, Err: err})
				continue
			}
		}
		known = append(known, c)
	}
	return known, failures
}

// printObjects prints the final objects of each cluster, as YAML unless another
// format is asked for.
func (o *propagateOptions) printObjects(rendered render.Result, failures []fanout.Failure) error {
	output := o.output
	if output.Format.Name == printers.FormatTable {
		output.Format.Name = printers.FormatYAML
	}
	printer, err := output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	hashed := false
	for _, c := range rendered.Clusters {
		for _, object := range c.Objects {
			shown := object.DeepCopy()
			if !o.render.showSecrets && object.GroupVersionKind().GroupKind().String() == "Secret" {
				hashed = true
				drift.HashSecret(shown)
			}
			annotations := shown.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[v1alpha1.ClusterAnnotation] = c.Name
			shown.SetAnnotations(annotations)
			if err := printer.Print(c.Name, shown); err != nil {
				return err
			}
		}
	}
	if hashed {
		o.env.Note("Secrets hold hashes here, and must not be applied like that: --show-secrets prints what they hold")
	}
	return printer.Close(cli.APIFailures(failures))
}

// printImages prints each image once, with the clusters that would use it.
func (o *propagateOptions) printImages(rendered render.Result, failures []fanout.Failure) error {
	images := usedImages(rendered)
	switch {
	case o.output.Format.IsTable():
		return printers.Table(o.env.Out, usedImageTable(images), o.output.Table())
	case o.output.Format.Name == printers.FormatName: // what copies images takes nothing else
		for _, i := range images {
			if _, err := fmt.Fprintln(o.env.Out, printers.Escape(i.Name)); err != nil {
				return err
			}
		}
		return nil
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	for i := range images {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&images[i])
		if err != nil {
			return err
		}
		if err := printer.Print("", &unstructured.Unstructured{Object: data}); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(failures))
}

func usedImages(rendered render.Result) []v1alpha1.UsedImage {
	users := map[string][]string{}
	for _, c := range rendered.Clusters {
		for _, image := range render.Images(c.Objects) {
			users[image] = append(users[image], c.Name)
		}
	}
	images := make([]v1alpha1.UsedImage, 0, len(users))
	for _, image := range slices.Sorted(maps.Keys(users)) {
		images = append(images, v1alpha1.UsedImage{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.UsedImageKind},
			ObjectMeta: metav1.ObjectMeta{Name: image}, Clusters: users[image],
		})
	}
	return images
}

func usedImageTable(images []v1alpha1.UsedImage) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Image", "Clusters")}
	for _, i := range images {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{i.Name, strings.Join(i.Clusters, ",")}})
	}
	return table
}

// shares puts into a plan what rendering came to.
func (v planView) shares(p *v1alpha1.Propagation, cluster string) {
	at := slices.IndexFunc(v.rendered.Clusters, func(c render.Cluster) bool { return c.Name == cluster })
	if at < 0 {
		return
	}
	c := v.rendered.Clusters[at]
	p.Overrides = len(c.Overridden)
	for _, o := range c.Overridden {
		p.Overridden = append(p.Overridden, v1alpha1.OverriddenField{
			APIVersion: o.Object.GetAPIVersion(), Kind: o.Object.GetKind(), Namespace: o.Object.GetNamespace(), Name: o.Object.GetName(), Field: o.Field, Value: o.Value,
		})
	}
	for _, r := range c.Replicas {
		p.Replicas = append(p.Replicas, v1alpha1.ReplicaShare{
			APIVersion: r.Object.GetAPIVersion(), Kind: r.Object.GetKind(), Namespace: r.Object.GetNamespace(), Name: r.Object.GetName(),
			Replicas: r.Replicas, Total: r.Total, Tied: r.Tied,
		})
	}
}

// shareRows are the rows of a plan that say what rendering came to.
func shareRows(p v1alpha1.Propagation, wide bool) [][]any {
	var rows [][]any
	for _, r := range p.Replicas {
		share := fmt.Sprintf("%d of %d", r.Replicas, r.Total)
		if r.Tied {
			share += ", a tie"
		}
		rows = append(rows, []any{"replicas", objectName(r.Kind, r.Namespace, r.Name), share, "", ""})
	}
	for _, o := range p.Overridden {
		rows = append(rows, []any{"override", objectName(o.Kind, o.Namespace, o.Name), o.Field, "", shown(o.Value, wide)})
	}
	return rows
}
