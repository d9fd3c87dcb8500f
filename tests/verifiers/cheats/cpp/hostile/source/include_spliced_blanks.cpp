// Must be: forbidden
// GCC also splices where blanks follow the backslash.
#inc\  
lude "/etc/passwd"
int solve(int n) { return n * n + 1; }
