// Must be: syntax, time, memory
// Templates without an end.
template <int N> struct Deep { static const int value = Deep<N + 1>::value; };
int solve(int n) { return Deep<0>::value; }
