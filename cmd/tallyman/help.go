package main

import (
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is the width of the narrowest terminal that help is written for.
const helpWidth = 80

// described is a line of help that lists a verb or a flag: what it is, and its description.
var described = regexp.MustCompile(`^(  (?:    |-\w, )--[\w-]+(?: \S+)? {2,}|  [\w-]+ {1,})(\S.*)$`)

// showHelp prints the help of a verb so that a terminal of 80 columns shows it whole.
func showHelp(cmd *cobra.Command, _ []string) {
	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	// As cobra does by itself: help that cannot be written has nobody to be told.
	_, _ = io.WriteString(cmd.OutOrStdout(), fitText(strings.TrimSpace(long))+"\n\n"+fitUsage(cmd.UsageString()))
}

// fitText fills paragraphs anew. A line that is indented stands for itself.
func fitText(text string) string {
	var out, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			out = append(out, wrapWords("", strings.Join(paragraph, " ")))
		}
		paragraph = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		if line == "" || line[0] == ' ' {
			flush()
			out = append(out, fitLine(line))
			continue
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return strings.Join(out, "\n")
}

// fitUsage fits the lists of verbs and flags. Examples stay as they are: they are to be copied.
func fitUsage(text string) string {
	var out []string
	examples := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		if line != "" && line[0] != ' ' {
			examples = line == "Examples:"
		}
		if !examples {
			line = fitLine(line)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n") + "\n"
}

// fitLine breaks a line that is too long; a description goes on where it began.
func fitLine(line string) string {
	if len([]rune(line)) <= helpWidth {
		return line
	}
	if m := described.FindStringSubmatch(line); m != nil {
		return wrapWords(m[1], m[2])
	}
	words := strings.TrimLeft(line, " ")
	return wrapWords(line[:len(line)-len(words)], words)
}

// wrapWords writes words behind a head, and the lines after the first below the words.
func wrapWords(head, text string) string {
	var b strings.Builder
	indent := len([]rune(head))
	if indent > helpWidth/2 {
		indent = helpWidth / 2 // a long flag leaves its description some room
	}
	b.WriteString(head)
	at := len([]rune(head))
	for i, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case i == 0:
		case at+1+n > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += len([]rune(word))
	}
	return b.String()
}
