// Must be: wrong_answer
// True where a number is asked for.
bool solve(int n) { return true; }
