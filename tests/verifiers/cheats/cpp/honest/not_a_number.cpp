// FUNCTION solve(double) -> double
// TEST (-1.0,) -> nan
// TEST (4.0,) -> 2.0
#include <cmath>
double solve(double x) { return std::sqrt(x); }
