// Takes a register over.
module top(input [3:0] a, input [3:0] b, output reg [3:0] y);
  always @* begin assign y = a; deassign y; end
endmodule
