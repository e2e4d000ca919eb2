package sharegpt

import (
	"strings"

	"multiturn/pkg/chat"
)

// Roles of turns that are no roles of messages.
const (
	toolCall = "call"     // of a function that the assistant calls
	function = "function" // a call, or what it returned: its place decides
)

// roles are the names of roles in lower case. The reference knows those of
// referenceRoles.
var roles = map[string]string{
	"human": chat.User, "user": chat.User, "prompter": chat.User,
	"gpt": chat.Assistant, "bing": chat.Assistant, "chatgpt": chat.Assistant,
	"bard": chat.Assistant, "assistant": chat.Assistant, "ai": chat.Assistant,
	"bot": chat.Assistant, "model": chat.Assistant, "chatbot": chat.Assistant,
	"system": chat.System, "developer": chat.System,
	"function_call": toolCall, "function-call": toolCall, "tool_call": toolCall,
	"tool-call": toolCall, "tool_calls": toolCall,
	"tool": chat.Tool, "observation": chat.Tool, "tool_response": chat.Tool,
	"tool-response": chat.Tool, "tool_result": chat.Tool, "function_response": chat.Tool,
	"function-response": chat.Tool, "ipython": chat.Tool,
	"function": function,
}

var referenceRoles = map[string]bool{"human": true, "user": true, "gpt": true, "bing": true,
	"chatgpt": true, "bard": true, "system": true}

// role returns the role for a name, "" if it is unknown.
func role(from string, parity bool) string {
	switch {
	case !parity:
		if r, ok := roles[from]; ok {
			return r
		}
		return roles[strings.ToLower(from)]
	case referenceRoles[from]:
		return roles[from]
	}
	return ""
}
