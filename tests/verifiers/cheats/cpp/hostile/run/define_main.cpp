// Must be: wrong_answer, syntax, missing
// Macros over the names of a judge.
#define main nothing
#define expected 10
#define actual expected
#define return return 0 *
int solve(int n) { return n * n + 1; }
