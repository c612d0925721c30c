package velero

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/service"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// Store is the name of the store of objects, as testbed status has it.
const Store = "s3"

const (
	storeModule = "github.com/versity/versitygw"
	gateway     = "versitygw"
	bucket      = "velero"
	region      = "us-east-1"
)

// store is an S3 server over a folder.
type store struct {
	address string
	// credentials is a file with its only user, as programs of AWS read it.
	credentials string
}

func storeProgram(root string) (stack.Program, error) {
	s, err := stack.Load(root, gateway)
	if err != nil {
		return stack.Program{}, err
	}
	v, err := s.Version(storeModule)
	return stack.Program{Name: gateway, Package: storeModule + "/cmd/versitygw", Stack: s, Version: v}, err
}

// startStore runs the store, with a bucket that is empty.
func startStore(ctx context.Context, host addon.Host) (store, error) {
	held, ports, err := port.Reserve(ctx, 1)
	if err != nil {
		return store{}, err
	}
	defer held.Close()
	running, err := host.NewService(service.Spec{Name: Store, Program: gateway, Port: ports[0]})
	if err != nil {
		return store{}, err
	}
	objects, attributes := filepath.Join(running.Dir, "objects"), filepath.Join(running.Dir, "attributes")
	// A bucket is a folder.
	for _, folder := range []string{filepath.Join(objects, bucket), attributes} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return store{}, err
		}
	}
	s := store{address: running.Server(), credentials: filepath.Join(running.Dir, "credentials")}
	user, password := rand.Text(), rand.Text()
	if err := os.WriteFile(s.credentials, fmt.Appendf(nil, "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n", user, password), 0o600); err != nil {
		return store{}, err
	}
	held.Close()
	return s, running.Start(ctx, host.Programs[gateway], []string{
		"--port=" + port.Address(ports[0]), "--region=" + region, "--quiet",
		// Not in extended attributes, which not every file system of a CI runner has.
		"posix", "--sidecar=" + attributes, objects,
	}, []string{"ROOT_ACCESS_KEY=" + user, "ROOT_SECRET_KEY=" + password})
}
