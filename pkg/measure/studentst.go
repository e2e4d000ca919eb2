package measure

import "gonum.org/v1/gonum/stat/distuv"

// studentsT returns half the width of an interval in standard errors. Level 0
// means 0.95.
func studentsT(level, degrees float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: degrees}.Quantile((1 + orDefault(level)) / 2)
}

func orDefault(level float64) float64 {
	if level <= 0 || level >= 1 {
		return 0.95
	}
	return level
}
