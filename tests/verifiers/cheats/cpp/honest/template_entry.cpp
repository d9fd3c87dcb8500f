// FUNCTION solve(double) -> double
// TEST (1.5,) -> 3.0
// TEST (0.1,) -> 0.2
template <class T> T solve(T x) { return x + x; }
