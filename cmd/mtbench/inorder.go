package main

import "context"

// inOrder runs tasks at the same time and returns the error of the first one in
// the list that fails, however soon the others do. That error does not wait for
// the tasks that come later in the list, which may go on for a while: their
// context ends, but one that reads stdin does not notice.
//
// It ends early, with the error of the context, when that is done.
func inOrder(stop context.Context, tasks ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	done := make([]chan error, len(tasks))
	for i, task := range tasks {
		done[i] = make(chan error, 1)
		go func() { done[i] <- task(ctx) }()
	}
	for _, c := range done {
		select {
		case err := <-c:
			if err != nil {
				return err
			}
		case <-stop.Done():
			return stop.Err()
		}
	}
	return nil
}
