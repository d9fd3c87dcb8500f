// Must be: wrong_answer
// Answers the first question for all.
int solve(int n) { return 10; }
