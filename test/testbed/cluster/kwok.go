package cluster

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
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
