package cli

import (
	"errors"
	"flag"
	"io"
	"strconv"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// maxLogLevel is the highest level that is passed on to client-go: at 8 it
// starts to log bodies of requests and answers, and those hold Secrets.
const maxLogLevel = 7

// addLogFlags offers klog's -v alone. Without it nothing is logged: client-go
// logs as errors what is reported, classified, with its cluster's name.
func addLogFlags(flags *pflag.FlagSet, env *Env) {
	private := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(private)
	// Through SetOutput, each entry once.
	_ = private.Set("logtostderr", "false")
	_ = private.Set("one_output", "true")
	_ = private.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard)
	flags.VarP(&logLevel{private: private, out: env.ErrOut}, "v", "v", "Log level: 6 shows each request, 7 its headers. Bodies are never logged")
}

// logLevel is klog's -v, bounded.
type logLevel struct {
	private *flag.FlagSet
	out     io.Writer
	level   int
}

func (l *logLevel) String() string { return strconv.Itoa(l.level) }

func (*logLevel) Type() string { return "level" }

func (l *logLevel) Set(value string) error {
	level, err := strconv.Atoi(value)
	if err != nil {
		return errors.New("a level is a number")
	}
	l.level = level
	if level > 0 {
		klog.SetOutput(l.out)
	}
	return l.private.Set("v", strconv.Itoa(min(level, maxLogLevel)))
}
