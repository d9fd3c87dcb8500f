// FUNCTION solve(int, int, int) -> int
// TEST (1, 2, 3) -> 6
// TEST (-5, 5, 0) -> 0
template <class... Items> auto total(Items... items) { return (items + ... + 0); }
int solve(int a, int b, int c) { return total(a, b, c); }
