package main

import "multiturn/pkg/cli"

// otherFiles is how many files a run has open beside the connections of its turns:
// inputs and outputs, readings of metrics, and what the runtime needs.
const otherFiles = 32

// checkFiles returns an error if the process may not open as many files as the run
// needs: a connection to each replica for each client. The runtime has raised the
// limit as far as it may.
func checkFiles(f *runFlags) error {
	connections := f.bench.Clients * max(1, len(f.openai.URL))
	if f.openai.HTTP2 {
		connections = 0 // requests share them
	}
	limit := mostFiles()
	if limit == 0 || connections+otherFiles <= limit {
		return nil
	}
	return cli.UsageErrorf("--num-clients is %d, which takes %d open files, and this process may have "+
		"%d: raise the limit (ulimit -n %d), or lower --num-clients", f.bench.Clients,
		connections+otherFiles, limit, connections+otherFiles)
}
