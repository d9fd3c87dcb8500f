// Must be: forbidden, syntax
// An unpaired quote hides the beginning of a comment.
#if 0
don't /*
#endif
#include "/etc/passwd"
#if 0
*/
#endif
int solve(int n) { return n * n + 1; }
