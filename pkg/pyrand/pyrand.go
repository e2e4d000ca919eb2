// Package pyrand draws the random numbers that Python programs draw: Numpy is numpy's legacy generator (numpy.random.seed
// and the functions of numpy.random), Python is CPython's random module. The same seed and the same calls in the same
// order give the same values, so data made by a Python tool from a seed can be made again.
//
// Words, integers and uniform reals are equal bit for bit. So are the others up to the logarithm, exponential and power
// of the C library that numpy was run with, which may differ in the last bit of a real from one machine to the next.
//
// A stream is not safe for concurrent use, and nothing here is fit for secrets. Arguments are not checked: those that
// Python refuses give a value without meaning, or no end. Package dist checks them.
package pyrand
