package main

import (
	"io"

	"multiturn/pkg/cli"
	"multiturn/pkg/render"
)

// writeSummary writes documents to a file; "-" is stdout. Text on stdout is for
// people: it gives way when stdout carries data.
func writeSummary(c *cli.Call, name string, f render.Format, docs []render.Document) error {
	if name == "-" && f == render.Text {
		return printSummary(c, f, docs)
	}
	return writeFile(c, name, func(w io.Writer) error { return render.Write(w, f, docs) })
}

// printSummary writes documents to stdout, or to stderr when stdout carries
// data.
func printSummary(c *cli.Call, f render.Format, docs []render.Document) error {
	w := c.TextOut()
	if f == render.Text {
		return render.WriteText(w, docs, c.Color())
	}
	return render.Write(w, f, docs)
}

// writeFile writes an output as a whole or not at all.
func writeFile(c *cli.Call, name string, to func(io.Writer) error) error {
	out, err := c.Create(name)
	if err != nil {
		return err
	}
	return out.Fill(to)
}
