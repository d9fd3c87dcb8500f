// Must be: forbidden
// The directive is written over three lines.
#inc\
lude "/etc/\
passwd"
int solve(int n) { return n * n + 1; }
