package velero

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
)

// maxList bounds the list of what a Backup has, in bytes.
const maxList = 64 << 20

// BackupContents are the names of what a Backup has, by type: such as apps/v1/Deployment,
// and of that shop/till. They are in the object store, as Artifact has it.
func (s Server) BackupContents(ctx context.Context, backup string) (map[string][]string, error) {
	body, err := s.Artifact(ctx, velerov1.DownloadTargetKindBackupResourceList, backup)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	list := map[string][]string{}
	if err := json.NewDecoder(io.LimitReader(body, maxList)).Decode(&list); err != nil {
		return nil, fmt.Errorf("list of Backup %s: %w", backup, err)
	}
	return list, nil
}
