// Package printers turns results into bytes: tables for people, and one valid
// document for programs. It decides nothing about what is shown; commands do.
package printers
