// FUNCTION sums::solve(int) -> int
// TEST (3,) -> 10
// TEST (0,) -> 1
namespace sums {
static int one() { return 1; }
int solve(int n) { return n * n + one(); }
}  // namespace sums
