package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"text/template"
	"time"
)

// kwokTemplate has its own delimiters, for KWOK's stages are templates with the usual ones themselves.
//
//go:embed kwok.yaml
var kwokTemplate string

// writeKWOK writes the configuration of KWOK and the log that every pod shows.
func (c *Cluster) writeKWOK() error {
	t, err := template.New("kwok.yaml").Delims("[[", "]]").Parse(kwokTemplate)
	if err != nil {
		return err
	}
	work, logFile := c.path("pods"), c.path("pods.log")
	var b bytes.Buffer
	err = t.Execute(&b, map[string]string{"Version": c.Version, "WorkDir": work, "LogFile": logFile, "Path": os.Getenv("PATH")})
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path("kwok.yaml"), b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	// The lines are in the format of the container runtime interface: time, stream, F for a full line, text.
	var lines bytes.Buffer
	for i, text := range []string{"starting in cluster " + c.Name, "listening on :8080", "ready"} {
		at := time.Now().UTC().Add(time.Duration(i) * time.Millisecond)
		fmt.Fprintf(&lines, "%s stdout F %s\n", at.Format("2006-01-02T15:04:05.000000000Z"), text)
	}
	return os.WriteFile(logFile, lines.Bytes(), 0o600)
}

// LeaveNode has KWOK leave nodes with a label to who brings them. Until then it takes all for its own.
func (c *Cluster) LeaveNode(ctx context.Context, label string) error {
	u, err := c.Unit(KWOK)
	if err == nil {
		err = u.Kill(ctx)
	}
	if err == nil {
		err = c.releaseNodes(ctx)
	}
	if err != nil {
		return c.wrap("change KWOK of", err)
	}
	args := slices.DeleteFunc(slices.Clone(u.Args), func(arg string) bool { return arg == manageAll })
	// The rest of its environment is what Run gives to every program.
	if _, err := c.Run(KWOK, u.Path, append(args, "--manage-nodes-with-label-selector=!"+label), nil); err != nil {
		return c.wrap("change KWOK of", err)
	}
	return c.wrap("change KWOK of", c.WaitReady(ctx))
}
