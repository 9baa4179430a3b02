{{- /* Egress rule: the DNS server of the cluster. */}}
{{- define "guildhall.toDns" -}}
{{- $dns := .Values.networkPolicy.dns -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $dns.namespace }}
      podSelector:
        matchLabels:
          {{- toYaml $dns.podLabels | nindent 10 }}
    {{- with $dns.cidrs }}
    {{- include "guildhall.blocks" . | trim | nindent 4 }}
    {{- end }}
  ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
{{- end }}

{{- /* Peers by address. Whoever means "everywhere" never means the metadata service of a cloud. */}}
{{- define "guildhall.blocks" -}}
{{- range . }}
- ipBlock:
    cidr: {{ . | quote }}
    {{- if eq . "0.0.0.0/0" }}
    except: [169.254.169.254/32]
    {{- else if eq . "::/0" }}
    except: ["fd00:ec2::254/128"]
    {{- end }}
{{- end }}
{{- end }}

{{- /* Egress rule: the Kubernetes API. */}}
{{- define "guildhall.toApiServer" -}}
{{- with .Values.networkPolicy.apiServer -}}
- to:
    {{- include "guildhall.blocks" .cidrs | trim | nindent 4 }}
  ports:
    {{- range .ports }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
{{- end }}
{{- end }}

{{- /* Egress rule to a component. Call with (list "forge" 8080). */}}
{{- define "guildhall.toComponent" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "guildhall.selector" (index . 0) | nindent 10 }}
  ports:
    - { protocol: TCP, port: {{ index . 1 }} }
{{- end }}

{{- /* Ingress rule from components. Call with (list 8080 "agent" "operator"). */}}
{{- define "guildhall.fromComponents" -}}
- from:
    {{- range rest . }}
    - podSelector:
        matchLabels:
          {{- include "guildhall.selector" . | nindent 10 }}
    {{- end }}
  ports:
    - { protocol: TCP, port: {{ first . }} }
{{- end }}
