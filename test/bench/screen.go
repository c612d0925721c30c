package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newScreen returns a terminal to give to a program, and a function that waits
// for the program's end and says when the first whole row was there.
func newScreen() (screen *os.File, firstRow func() (time.Time, error), err error) {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, keyboard.Close())
	}
	rows := make(chan time.Time, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watch(keyboard, rows)
	}()
	return screen, func() (time.Time, error) {
		// With the last one who has it open gone, the reader comes to its end.
		_ = screen.Close()
		<-ended
		_ = keyboard.Close()
		select {
		case at := <-rows:
			return at, nil
		default:
			return time.Time{}, errors.New("no row was shown")
		}
	}, nil
}

// watch reads to the end and notes when the header and one row were complete.
func watch(r io.Reader, rows chan<- time.Time) {
	lines := 0
	buffer := make([]byte, 1<<16)
	for {
		n, err := r.Read(buffer)
		before := lines
		lines += bytes.Count(buffer[:n], []byte("\n"))
		if before < 2 && lines >= 2 {
			rows <- time.Now()
		}
		if err != nil {
			return
		}
	}
}
