// Has no memory.
module top(input clk, input rst, input e, output [3:0] y);
  assign y = rst ? 4'd0 : {3'd0, e};
endmodule
