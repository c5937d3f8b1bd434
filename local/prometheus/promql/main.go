// SPDX-License-Identifier: Apache-2.0

// promql reads a JSON list of expressions from standard input and says of each, by Prometheus' own parser, which metrics it reads and by
// which labels it chooses among them; or why it is none.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

type selector struct {
	Metric string `json:"metric"`
	// Names of the labels in braces.
	Labels []string `json:"labels"`
}

type answer struct {
	Error     string     `json:"error,omitempty"`
	Selectors []selector `json:"selectors"`
	// Labels that results are grouped by, or series are matched on.
	Grouping []string `json:"grouping"`
}

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := make([]answer, 0, len(expressions))
	for _, expression := range expressions {
		answers = append(answers, read(expression))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(expression string) answer {
	said := answer{Selectors: []selector{}, Grouping: []string{}}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		said.Error = err.Error()
		return said
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			one := selector{Metric: n.Name, Labels: []string{}}
			for _, matcher := range n.LabelMatchers {
				if matcher.Name != labels.MetricName {
					one.Labels = append(one.Labels, matcher.Name)
				}
			}
			said.Selectors = append(said.Selectors, one)
		case *parser.AggregateExpr:
			said.Grouping = append(said.Grouping, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				said.Grouping = append(said.Grouping, n.VectorMatching.MatchingLabels...)
				said.Grouping = append(said.Grouping, n.VectorMatching.Include...)
			}
		}
		return nil
	})
	return said
}
